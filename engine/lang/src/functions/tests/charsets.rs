//! Character encodings: their names, and what is in them.

use super::{check, check_error};

/// A text and its Base64 form in an encoding, both ways.
#[track_caller]
fn check_both(charset: &str, text: &str, base64: &str) {
    let (text, base64) = (format!("\"{text}\""), format!("\"{base64}\""));
    check(&format!("textencodebase64({text}, \"{charset}\")"), &base64);
    check(&format!("textdecodebase64({base64}, \"{charset}\")"), &text);
}

#[track_caller]
fn check_missing(charset: &str, text: &str) {
    check_error(
        &format!("textencodebase64(\"{text}\", \"{charset}\")"),
        "does not have all",
    );
}

#[track_caller]
fn check_broken(charset: &str, base64: &str) {
    check_error(
        &format!("textdecodebase64(\"{base64}\", \"{charset}\")"),
        "are not a text",
    );
}

#[test]
fn names() {
    for name in [
        "UTF-8",
        "uTf-8",
        " UTF-8 ",
        "csUTF8",
        "US-ASCII",
        "IBM367",
        "latin1",
        "L10",
        "ISO_8859-16:2001",
        "IBM437",
        "437",
        "CP037",
        "windows-874",
        "macintosh",
        "KOI8-U",
        "GBK",
        "MS936",
        "HZ-GB-2312",
        "Extended_UNIX_Code_Packed_Format_for_Japanese",
    ] {
        check(&format!("length(textencodebase64(\"a\", \"{name}\"))"), "4");
    }
    for name in [
        "",
        "utf8",
        "latin-1",
        "ISO-8859-11",
        "cp1252",
        "x-sjis",
        "sjis",
        "GB2312",
        "Big5-HKSCS",
        "UTF-32",
        "UTF-7",
        "replacement",
        "x-user-defined",
        "ascii",
    ] {
        check_error(
            &format!("textencodebase64(\"a\", \"{name}\")"),
            "is not the name of",
        );
    }
}

#[test]
fn one_byte_a_character() {
    check_both("IBM037", "aÉ", "gXE=");
    check_both("IBM01140", "€", "nw==");
    check_both("IBM437", "é█", "gts=");
    check_both("ISO-8859-9", "Ğ\\u0080", "0IA=");
    check_both("macintosh", "é", "jg==");
    check_missing("ISO-8859-1", "€");
    check_missing("US-ASCII", "é");
    check_broken("ISO-8859-2", "gA==");
    check_broken("windows-1252", "gQ==");
}

#[test]
fn two_bytes_a_unit() {
    check_both("UTF-16LE", "a😀", "YQA92ADe");
    check_both("UTF-16", "aé", "/v8AYQDp");
    check("textdecodebase64(\"//5hAA==\", \"UTF-16\")", "\"a\"");
    for broken in ["YQ==", "ANg=", "/f8="] {
        check_broken("UTF-16LE", broken);
    }
    check_broken("UTF-8", "77+9");
}

#[test]
fn several_bytes_a_character() {
    check_both("Shift_JIS", "日ｱ", "k/qx");
    check_both("Shift_JIS", "ⅰ", "7u8=");
    check_both("EUC-JP", "日¡", "xvyPosI=");
    check_both("Big5", "中À", "pKSIWQ==");
    check_both("EUC-KR", "한", "x9E=");
    check_both("GBK", "中€", "1tCA");
    for charset in ["Shift_JIS", "EUC-JP", "ISO-2022-JP"] {
        check_missing(charset, "¥");
    }
    check_missing("GBK", "ḿ");
    check_missing("GBK", "\\ue000");
    check_broken("GBK", "qLw=");
    check_broken("GBK", "gTCBMA==");
    check_broken("Shift_JIS", "8EA=");
}

#[test]
fn sets_that_are_switched() {
    check_both("ISO-2022-JP", "a日本", "YRskQkZ8S1wbKEI=");
    check_both("ISO-2022-JP", "ｱ", "GyhJMRsoQg==");
    check(
        "textdecodebase64(\"GyQoRDAhGyhC\", \"ISO-2022-JP\")",
        "\"丂\"",
    );
    check(
        "textdecodebase64(\"GyhKXH4bKEI=\", \"ISO-2022-JP\")",
        "\"\\\\~\"",
    );
    check_broken("ISO-2022-JP", "GyRCRg==");
    check_broken("ISO-2022-JP", "Gw==");
    check_both("HZ-GB-2312", "中~a\\n", "fntWUH5+fn1hCg==");
    check_both("HZ-GB-2312", "€", "fnsiYw==");
    check("textdecodebase64(\"YX4KYg==\", \"HZ-GB-2312\")", "\"ab\"");
    check_missing("HZ-GB-2312", "丂");
    for broken in ["fntW", "fg==", "fmE=", "fntWUApi", "fnsKYQ==", "1tA="] {
        check_broken("HZ-GB-2312", broken);
    }
}
