use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use muster_lang::{Diagnostic, Diags, Sources};
use muster_plan::{RunReport, TestEvent, TestStage, TestStatus, TestSummary};

use super::*;
use crate::Style;

fn report(name: &str, status: TestStatus, diags: Vec<Diagnostic>) -> RunReport {
    RunReport {
        name: name.into(),
        status,
        diags: Diags(diags),
        started: (status != TestStatus::Skip).then_some(UNIX_EPOCH),
        elapsed: Duration::from_millis(1500),
        assertions: 3,
        seen: None,
    }
}

fn failed(message: &str) -> Diagnostic {
    Diagnostic::error("Test assertion failed", message)
}

fn addr() -> muster_addr::InstanceAddr {
    "terraform_data.a[0]".parse().unwrap()
}

#[test]
fn text_of_events() {
    let check = |event: TestEvent, out: &str, err: &str| {
        let output = TestText::new(Style::PLAIN).event(&event, &Sources::default());
        assert_eq!((&*output.out, &*output.err), (out, err), "{event:?}");
    };
    let file = || -> Arc<str> { "a.tftest.hcl".into() };
    check(TestEvent::Found(Vec::new()), "", "");
    check(
        TestEvent::FileStarted(file()),
        "a.tftest.hcl... in progress\n",
        "",
    );
    let finished = |report| TestEvent::RunFinished {
        file: file(),
        report,
    };
    check(
        finished(report(
            "x",
            TestStatus::Pass,
            vec![Diagnostic::warning("W", "w")],
        )),
        "  run \"x\"... pass\n\nWarning: W\n\nw\n\n",
        "",
    );
    check(
        finished(report("x", TestStatus::Error, vec![failed("no")])),
        "  run \"x\"... fail\n",
        "\nError: Test assertion failed\n\nno\n",
    );
    check(
        TestEvent::CleanedUp {
            file: file(),
            run: "x".into(),
            diags: Diags::new(),
            left: vec![(addr(), None)],
        },
        "",
        "\nThese objects of a.tftest.hcl/x are left, and are recorded nowhere. Destroy them by hand:\n  - terraform_data.a[0]\n",
    );
}

#[test]
fn documents_of_events() {
    let check = |event: TestEvent, expect: &[&str]| {
        let stream = TestStream::new("1.11.4");
        let lines = stream.event(&event, &Sources::default());
        assert_eq!(lines.len(), expect.len(), "{lines:?}");
        for (line, expect) in lines.iter().zip(expect) {
            let time = line.find("\"@timestamp\":\"").unwrap();
            let end = line[time..].find("\",").unwrap() + time + 2;
            let line = format!("{}{}", &line[..time], &line[end..]);
            assert_eq!(line, *expect);
        }
    };
    let file = || -> Arc<str> { "a.tftest.hcl".into() };
    check(
        TestEvent::Found(vec![(file(), vec!["x".into(), "y".into()])]),
        &[
            r#"{"@level":"info","@message":"Found 1 file and 2 run blocks","@module":"terraform.ui","test_abstract":{"a.tftest.hcl":["x","y"]},"type":"test_abstract"}"#,
        ],
    );
    check(
        TestEvent::RunProgress {
            file: file(),
            run: "x".into(),
            stage: TestStage::Running,
            elapsed: Duration::from_millis(2013),
        },
        &[
            r#"{"@level":"info","@message":"  \"x\"... in progress","@module":"terraform.ui","@testfile":"a.tftest.hcl","@testrun":"x","test_run":{"path":"a.tftest.hcl","run":"x","progress":"running","elapsed":2013},"type":"test_run"}"#,
        ],
    );
    check(
        TestEvent::FileFinished {
            file: file(),
            status: TestStatus::Error,
            diags: Diags::new(),
        },
        &[
            r#"{"@level":"info","@message":"a.tftest.hcl... fail","@module":"terraform.ui","@testfile":"a.tftest.hcl","test_file":{"path":"a.tftest.hcl","progress":"complete","status":"error"},"type":"test_file"}"#,
        ],
    );
    check(
        TestEvent::CleanedUp {
            file: file(),
            run: "x".into(),
            diags: Diags::new(),
            left: vec![(addr(), None)],
        },
        &[
            r#"{"@level":"error","@message":"a.tftest.hcl/x has left some objects, which have to be destroyed by hand.","@module":"terraform.ui","@testfile":"a.tftest.hcl","@testrun":"x","test_cleanup":{"failed_resources":[{"instance":"terraform_data.a[0]"}]},"type":"test_cleanup"}"#,
        ],
    );
}

#[test]
fn the_last_line() {
    let check = |status, [passed, failed, errored, skipped]: [usize; 4], expect: &str| {
        let summary = TestSummary {
            status,
            passed,
            failed,
            errored,
            skipped,
            interrupted: false,
        };
        assert_eq!(test_summary(&summary), expect);
    };
    check(
        TestStatus::Pass,
        [2, 0, 0, 0],
        "Success! 2 passed, 0 failed.",
    );
    check(
        TestStatus::Skip,
        [0, 0, 0, 2],
        "Success! 0 passed, 0 failed, 2 skipped.",
    );
    check(
        TestStatus::Error,
        [1, 1, 1, 1],
        "Failure! 1 passed, 2 failed, 1 skipped.",
    );
}

#[test]
fn reports_for_build_servers() {
    let runs = vec![
        report("good", TestStatus::Pass, Vec::new()),
        report(
            "bad <\"&>",
            TestStatus::Fail,
            vec![failed("]]> \u{1}"), failed("second")],
        ),
        report("broken", TestStatus::Error, vec![failed("x")]),
        report("late", TestStatus::Skip, Vec::new()),
    ];
    let xml = junit_xml(&[("a.tftest.hcl".into(), runs)], &Sources::default());
    let expect = r#"<?xml version="1.0" encoding="UTF-8"?><testsuites>
  <testsuite name="a.tftest.hcl" tests="4" skipped="1" failures="1" errors="1">
    <testcase name="good" classname="a.tftest.hcl" time="1.5" timestamp="1970-01-01T00:00:00Z"></testcase>
    <testcase name="bad &lt;&#34;&amp;&gt;" classname="a.tftest.hcl" time="1.5" timestamp="1970-01-01T00:00:00Z">
      <failure message="2 of 3 assertions failed, including: ]]&gt; �"><![CDATA[
Error: Test assertion failed

]]]]><![CDATA[> �

Error: Test assertion failed

second
]]></failure>
    </testcase>
    <testcase name="broken" classname="a.tftest.hcl" time="1.5" timestamp="1970-01-01T00:00:00Z">
      <error message="Encountered an error"><![CDATA[
Error: Test assertion failed

x
]]></error>
    </testcase>
    <testcase name="late" classname="a.tftest.hcl">
      <skipped message="Testcase skipped due to a previous testcase error"><![CDATA[Previous testcase "broken" ended in error, which caused the remaining tests in the file to be skipped]]></skipped>
    </testcase>
  </testsuite>
</testsuites>"#;
    assert_eq!(xml, expect);
}
