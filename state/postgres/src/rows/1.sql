-- The first layout. Numbers of revisions count the states of a workspace; serial numbers do not,
-- because people may put a state in its place that has a lower one.

CREATE TABLE workspaces (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    -- The revision of the current state; 0 if there is none yet.
    revision bigint NOT NULL DEFAULT 0
);

CREATE TABLE versions (
    workspace bigint NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    revision bigint NOT NULL,
    serial bigint NOT NULL,
    lineage text NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL,
    -- Resource instances, deposed objects not counted.
    instances bigint NOT NULL,
    -- Rows of the table instances that belong to it.
    parts bigint NOT NULL,
    -- The state without resources.
    root bytea NOT NULL,
    PRIMARY KEY (workspace, revision)
);
CREATE INDEX versions_by_serial ON versions (workspace, serial, revision);

CREATE TABLE instances (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace bigint NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    address text NOT NULL,
    -- The first revision that it is part of.
    from_revision bigint NOT NULL,
    -- The first revision that it is not part of any more; null while it is current.
    to_revision bigint,
    -- A state with nothing but this instance.
    payload bytea NOT NULL
);
CREATE INDEX instances_current ON instances (workspace) WHERE to_revision IS NULL;
CREATE INDEX instances_by_revision ON instances (workspace, from_revision);

-- Not tied to workspaces by number: a workspace may be locked before it is there.
CREATE TABLE locks (
    workspace text NOT NULL,
    id text NOT NULL,
    info text NOT NULL,
    -- From then on it does not count any more.
    expires timestamptz NOT NULL,
    -- The resources that may be changed, and those that the changes rest on; null for everything.
    writes text[],
    reads text[],
    PRIMARY KEY (workspace, id)
);
