//! Limits of timestamps and durations.

use super::{check, check_error};

#[track_caller]
fn check_moved(duration: &str, expect: &str) {
    let call = format!("timeadd(\"2024-01-01T00:00:00Z\", \"{duration}\")");
    check(&call, &format!("\"{expect}\""));
}

#[track_caller]
fn check_duration_error(duration: &str, reason: &str) {
    let call = format!("timeadd(\"2024-01-01T00:00:00Z\", \"{duration}\")");
    check_error(&call, reason);
}

#[track_caller]
fn check_order(one: &str, other: &str, expect: i32) {
    check(
        &format!("timecmp(\"{one}\", \"{other}\")"),
        &expect.to_string(),
    );
}

#[test]
fn longest_durations() {
    check_moved("2562047h47m16.854775807s", "2316-04-11T23:47:16Z");
    for least in [
        "-2562047h47m16.854775808s",
        "-9223372036854775808ns",
        "-9223372036854775807ns1ns",
        "-9223372036.854775808s",
    ] {
        check_moved(least, "1731-09-22T00:12:43Z");
    }
    for long in [
        "2562047h47m16.854775808s",
        "9223372036854775808ns",
        "-9223372036854775809ns",
        "-9223372036854775807ns2ns",
        "18446744073709551616ns",
        "99999999999999999999h",
        "2562047h2562047h",
    ] {
        check_duration_error(long, "is too long");
    }
}

#[test]
fn parts_of_durations() {
    check_moved("0000000000000000000000000000001h", "2024-01-01T01:00:00Z");
    check_moved("0.9999999999999999999999999h", "2024-01-01T01:00:00Z");
    check_moved("0.00000000000000000000000001h", "2024-01-01T00:00:00Z");
    check_moved("1.s.5m", "2024-01-01T00:00:31Z");
    for wrong in [
        "", "-", "1", ".s", "1..s", "1.2.3s", "1h-1m", " 1h", "1d", "--1s", "1é", "00",
    ] {
        check_duration_error(wrong, "is not a duration");
    }
}

#[test]
fn years_out_of_range() {
    check(
        "timeadd(\"0000-01-01T00:00:00Z\", \"-1s\")",
        "\"-0001-12-31T23:59:59Z\"",
    );
    check(
        "timeadd(\"9999-12-31T23:59:59Z\", \"1s\")",
        "\"10000-01-01T00:00:00Z\"",
    );
}

/// Only the comparison takes timestamps as loosely as this.
#[test]
fn loose_timestamps() {
    for (loose, strict) in [
        ("2024-01-01T5:00:00Z", "2024-01-01T05:00:00Z"),
        ("2024-01-01T05:00:00,5Z", "2024-01-01T05:00:00.5Z"),
        (
            "2024-01-01T5:00:00,1234567890123Z",
            "2024-01-01T05:00:00.123456789Z",
        ),
        ("2024-01-02T01:00:00+24:60", "2024-01-01T00:00:00Z"),
    ] {
        check_order(loose, strict, 0);
        check_error(
            &format!("timeadd(\"{loose}\", \"0s\")"),
            "is not an RFC 3339 timestamp",
        );
    }
    for wrong in [
        "2024-01-01T05:00:00+25:00",
        "2024-01-01T05:00:00+24:61",
        "2024-01-01T05:0:00Z",
        "2024-01-01T05:00:60Z",
        "2024-01-01T5:é0:00Z",
        "2024-01-01T5",
    ] {
        check_error(
            &format!("timecmp(\"{wrong}\", \"\")"),
            "is not an RFC 3339 timestamp",
        );
    }
}
