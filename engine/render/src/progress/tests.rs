use super::*;

const ADDR: &str = "module.m.a_b.c[\"k\"]";

fn event(operation: Operation, action: Action, elapsed: Option<u64>, id: Option<&str>) -> Event {
    let addr: InstanceAddr = ADDR.parse().unwrap();
    let provider: muster_addr::ProviderConfigAddr =
        "provider[\"example.com/x/y\"]".parse().unwrap();
    let id = id.map(|id| ("id".into(), id.into()));
    match elapsed {
        None => Event::Started {
            addr,
            deposed: None,
            provider,
            operation,
            action,
            id,
        },
        Some(ms) => {
            let elapsed = Duration::from_millis(ms);
            Event::Finished {
                addr,
                deposed: None,
                provider,
                operation,
                action,
                id,
                elapsed,
                ended: std::time::Instant::now(),
            }
        }
    }
}

fn check(operation: Operation, action: Action, begin: &str, end: Option<&str>) {
    let mut progress = Progress::new(Style::PLAIN, false);
    let id = (operation != Operation::Create).then_some("i-1");
    let line = progress.event(&event(operation, action, None, id));
    assert_eq!(line, Some(format!("{ADDR}: {begin}")));
    let line = progress.event(&event(operation, action, Some(60_700), Some("i-1")));
    assert_eq!(line, end.map(|end| format!("{ADDR}: {end}")));
    assert!(progress.open.is_empty());
}

#[test]
fn lines_for_people() {
    use Operation as Op;
    let create = Some("Creation complete after 1m1s [id=i-1]");
    check(Op::Create, Action::Create, "Creating...", create);
    let update = Some("Modifications complete after 1m1s [id=i-1]");
    check(Op::Update, Action::Update, "Modifying... [id=i-1]", update);
    let delete = Some("Destruction complete after 1m1s");
    check(Op::Delete, Action::Delete, "Destroying... [id=i-1]", delete);
    check(
        Op::Refresh,
        Action::NoOp,
        "Refreshing state... [id=i-1]",
        None,
    );
    check(
        Op::Import,
        Action::NoOp,
        "Preparing import... [id=i-1]",
        None,
    );
    check(
        Op::Import,
        Action::Update,
        "Importing... [id=i-1]",
        Some("Import complete [id=i-1]"),
    );
    let read = Some("Read complete after 1m1s [id=i-1]");
    check(Op::Read, Action::Read, "Reading... [id=i-1]", read);
}

#[test]
fn ephemeral_resources_have_documents_of_their_own() {
    let mut progress = Progress::new(Style::PLAIN, true);
    let mut check = |event: &Event, kind: &str, message: &str| {
        let line = progress.event(event).unwrap();
        let json: Json = serde_json::from_str(&line).unwrap();
        assert_eq!(json["type"], kind);
        assert_eq!(json["@message"], format!("{ADDR}: {message}"));
        assert!(json["hook"].get("id_key").is_none());
        json["hook"]["action"].clone()
    };
    let begin = event(Operation::Open, Action::NoOp, None, None);
    assert_eq!(check(&begin, "ephemeral_op_start", "Opening..."), "open");
    let end = event(Operation::Open, Action::NoOp, Some(900), Some("i"));
    let text = "Opening complete after 1s";
    assert_eq!(check(&end, "ephemeral_op_complete", text), "open");
    let renewed = event(Operation::Renew, Action::NoOp, Some(0), None);
    let text = "Renewal complete after 0s";
    assert_eq!(check(&renewed, "ephemeral_op_complete", text), "renew");
    let begin = event(Operation::Close, Action::NoOp, None, None);
    assert_eq!(check(&begin, "ephemeral_op_start", "Closing..."), "close");
    let still = progress
        .tick_at(Instant::now() + Duration::from_secs(10))
        .pop()
        .unwrap();
    assert!(still.contains("Still closing... [10s elapsed]"), "{still}");
    assert!(
        still.ends_with("\"type\":\"ephemeral_op_progress\"}"),
        "{still}"
    );
}

#[test]
fn what_is_opened_later_is_for_people() {
    let event = Event::Deferred {
        addr: "ephemeral.a.b".parse().unwrap(),
    };
    let line = Progress::new(Style::PLAIN, false).event(&event);
    let expect = "ephemeral.a.b: Configuration unknown, deferring...";
    assert_eq!(line.as_deref(), Some(expect));
    assert_eq!(Progress::new(Style::PLAIN, true).event(&event), None);
}

#[test]
fn long_work_is_told_of_every_ten_seconds() {
    let mut progress = Progress::new(Style::PLAIN, false);
    let start = Instant::now();
    let begin = event(Operation::Delete, Action::Delete, None, Some("i-1"));
    progress.event_at(&begin, start);
    let mut told = |seconds: u64| {
        progress
            .tick_at(start + Duration::from_secs(seconds))
            .join("|")
    };
    assert_eq!(told(9), "");
    assert_eq!(
        told(11),
        format!("{ADDR}: Still destroying... [id=i-1, 10s elapsed]")
    );
    assert_eq!(told(19), "");
    assert_eq!(
        told(70),
        format!("{ADDR}: Still destroying... [id=i-1, 1m10s elapsed]")
    );
    assert_eq!(told(71), "");
}

/// What a line says after its timestamp.
fn tail(line: Option<String>) -> String {
    let line = line.unwrap();
    let (_, rest) = line.split_once("@timestamp").unwrap();
    rest.split_once(',').unwrap().1.to_owned()
}

#[test]
fn documents_for_tools() {
    let resource = r#""resource":{"addr":"module.m.a_b.c[\"k\"]","module":"module.m","resource":"a_b.c[\"k\"]","implied_provider":"a","resource_type":"a_b","resource_name":"c","resource_key":"k"}"#;
    let mut progress = Progress::new(Style::PLAIN, true);
    let begin = progress.event(&event(Operation::Create, Action::Create, None, None));
    assert!(
        begin
            .as_ref()
            .is_some_and(|b| b.contains(r#""@message":"module.m.a_b.c[\"k\"]: Creating...""#))
    );
    let expect = format!(r#""hook":{{{resource},"action":"create"}},"type":"apply_start"}}"#);
    assert_eq!(tail(begin), expect);
    let still = progress
        .tick_at(Instant::now() + Duration::from_secs(10))
        .pop();
    let expect = format!(
        r#""hook":{{{resource},"action":"create","elapsed_seconds":10}},"type":"apply_progress"}}"#
    );
    assert_eq!(tail(still), expect);
    let end = progress.event(&event(
        Operation::Create,
        Action::Create,
        Some(2_000),
        Some("x"),
    ));
    let expect = format!(
        r#""hook":{{{resource},"action":"create","id_key":"id","id_value":"x","elapsed_seconds":2}},"type":"apply_complete"}}"#
    );
    assert_eq!(tail(end), expect);
    let refreshed = progress.event(&event(Operation::Refresh, Action::NoOp, Some(0), Some("x")));
    let expect = format!(
        r#""hook":{{{resource},"id_key":"id","id_value":"x"}},"type":"refresh_complete"}}"#
    );
    assert_eq!(tail(refreshed), expect);
    assert_eq!(
        progress.event(&event(Operation::Import, Action::NoOp, None, None)),
        None
    );
}

/// What a provisioner does and prints, for people and for tools.
#[test]
fn provisioners() {
    let addr = || ADDR.parse::<InstanceAddr>().unwrap();
    let check = |event: Event, text: Option<&str>, message: Option<&str>, kind: &str| {
        let text = text.map(|t| t.replace('@', ADDR));
        assert_eq!(
            Progress::new(Style::PLAIN, false).event(&event),
            text,
            "{event:?}"
        );
        let line = Progress::new(Style::PLAIN, true).event(&event);
        let found = line.map(|line| {
            let json: Json = serde_json::from_str(&line).unwrap();
            assert_eq!(json["type"], kind);
            assert_eq!(json["hook"]["provisioner"], "local-exec");
            assert_eq!(json["hook"]["resource"]["addr"], ADDR);
            (json["@message"].clone(), json["hook"]["output"].clone())
        });
        let message = message.map(|m| m.replace('@', ADDR));
        assert_eq!(
            found.as_ref().and_then(|f| f.0.as_str()),
            message.as_deref()
        );
        let output = found.and_then(|f| f.1.as_str().map(str::to_owned));
        assert_eq!(
            output.is_some(),
            kind == "provision_progress" && message.is_some()
        );
    };
    let provisioner = "local-exec";
    let begins = "@: Provisioning with 'local-exec'...";
    let event = Event::ProvisionStarted {
        addr: addr(),
        provisioner,
    };
    check(event, Some(begins), Some(begins), "provision_start");
    let output = |line: &str| Event::ProvisionOutput {
        addr: addr(),
        provisioner,
        line: line.into(),
    };
    let (text, message) = ("@ (local-exec):  a b", "@: (local-exec):  a b");
    check(
        output(" a b"),
        Some(text),
        Some(message),
        "provision_progress",
    );
    check(output(""), Some(""), None, "provision_progress");
    let event = Event::ProvisionFinished {
        addr: addr(),
        provisioner,
    };
    let message = "@: (local-exec) Provisioning complete";
    check(event, None, Some(message), "provision_complete");
    let event = Event::ProvisionFailed {
        addr: addr(),
        provisioner,
    };
    let message = "@: (local-exec) Provisioning errored";
    check(event, None, Some(message), "provision_errored");
}
