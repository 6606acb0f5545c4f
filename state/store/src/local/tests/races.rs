//! Processes that want one lock at the same time, very often.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use super::*;

/// How often each of the two tries at least.
const TRIES: usize = 10_000;
/// For how long one goes on that has never got it: a last guard, as the other one comes to its
/// end meanwhile.
const PATIENT: Duration = Duration::from_secs(300);

const CHILD: &str = "MUSTER_STORE_TEST_RACE";

/// How often each of the two tries, for the process that is started.
const COUNT: &str = "MUSTER_STORE_TEST_RACE_TRIES";

/// Tries to get the lock of a state, over and over. Answers how often that went well.
fn race(state: &Path, least: usize) -> u64 {
    let store = LocalStore::new(state);
    let (inside, counter) = (
        state.with_extension("inside"),
        state.with_extension("counter"),
    );
    let (mut won, mut tries) = (0, 0);
    let started = Instant::now();
    while tries < least || (won == 0 && started.elapsed() < PATIENT) {
        tries += 1;
        let held = match lock(&store) {
            Ok(held) => held,
            Err(StoreError::Locked { .. }) => continue,
            Err(error) => panic!("{error}"),
        };
        let alone = fs::File::create_new(&inside);
        assert!(alone.is_ok(), "somebody else has the lock: {alone:?}");
        let before = match fs::read_to_string(&counter) {
            Ok(text) => text.parse().unwrap(),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => panic!("{error}"),
        };
        fs::write(&counter, (before + 1_u64).to_string()).unwrap();
        fs::remove_file(&inside).unwrap();
        held.release().unwrap();
        won += 1;
    }
    won
}

/// Not a test of its own: the process that [`one_at_a_time_has_the_lock`] starts.
#[test]
fn child_that_races() {
    if let Some(state) = std::env::var_os(CHILD) {
        println!("\nready");
        std::io::stdin().read_line(&mut String::new()).unwrap();
        let least = std::env::var(COUNT).unwrap().parse().unwrap();
        println!("\nwon {}", race(Path::new(&state), least));
    }
}

#[test]
fn one_at_a_time_has_the_lock() {
    let place = Place::new();
    let test = [
        "--exact",
        "--nocapture",
        "local::tests::races::child_that_races",
    ];
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(test)
        .env(CHILD, place.state())
        .env(COUNT, TRIES.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    assert!(lines.any(|line| line == "ready"));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"\n").unwrap();
    let ours = race(&place.state(), TRIES);
    let theirs = lines.find_map(|line| line.strip_prefix("won ")?.parse::<u64>().ok());
    let theirs = theirs.expect("the other process gets to the end");
    assert!(child.wait().unwrap().success());
    let counted = fs::read_to_string(place.path("terraform.counter")).unwrap();
    assert_eq!(counted, (ours + theirs).to_string());
    assert!(ours > 0 && theirs > 0, "{ours} and {theirs}");
    // Whoever comes now gets it.
    lock(&place.open()).unwrap().release().unwrap();
}
