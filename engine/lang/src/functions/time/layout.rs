//! The forms that `formatdate` writes.

use super::instant::{Fields, Instant};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// Writes an instant as a layout says: runs of a letter stand for parts of it, text in single
/// quotes stands for itself.
pub(super) fn write(layout: &str, instant: &Instant) -> Result<String, String> {
    let at = instant.fields();
    let mut out = String::new();
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        if c == '\'' {
            rest = quoted(&rest[1..], &mut out)?;
            continue;
        }
        if !c.is_ascii_alphabetic() {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let run = rest.len() - rest.trim_start_matches(c).len();
        let (verb, after) = rest.split_at(run);
        out.push_str(&part(verb, &at)?);
        rest = after;
    }
    Ok(out)
}

/// Text in quotes, the opening one taken already; two quotes are one. Gives what follows.
fn quoted<'a>(text: &'a str, out: &mut String) -> Result<&'a str, String> {
    let mut rest = text;
    // Two quotes side by side outside of quotes are one as well.
    if let Some(after) = rest.strip_prefix('\'') {
        out.push('\'');
        return Ok(after);
    }
    loop {
        let end = rest.find('\'').ok_or("a quote is not closed")?;
        out.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(after) => {
                out.push('\'');
                rest = after;
            }
            None => return Ok(rest),
        }
    }
}

fn part(verb: &str, at: &Fields) -> Result<String, String> {
    let hour12 = match at.hour % 12 {
        0 => 12,
        hour => hour,
    };
    let half = if at.hour < 12 { "AM" } else { "PM" };
    let month = MONTHS[(at.month as usize - 1) % 12];
    let day = DAYS[at.weekday % 7];
    Ok(match verb {
        "YYYY" => format!("{:04}", at.year),
        "YY" => format!("{:02}", at.year.rem_euclid(100)),
        "M" => at.month.to_string(),
        "MM" => format!("{:02}", at.month),
        "MMM" => month[..3].into(),
        "MMMM" => month.into(),
        "D" => at.day.to_string(),
        "DD" => format!("{:02}", at.day),
        "EEE" => day[..3].into(),
        "EEEE" => day.into(),
        "h" => at.hour.to_string(),
        "hh" => format!("{:02}", at.hour),
        "H" => hour12.to_string(),
        "HH" => format!("{hour12:02}"),
        "AA" => half.into(),
        "aa" => half.to_lowercase(),
        "m" => at.minute.to_string(),
        "mm" => format!("{:02}", at.minute),
        "s" => at.second.to_string(),
        "ss" => format!("{:02}", at.second),
        "Z" => at.zone(":", "Z"),
        "ZZZ" => at.zone("", "UTC"),
        "ZZZZ" => at.zone("", ""),
        "ZZZZZ" => at.zone(":", ""),
        _ => {
            return Err(format!(
                "\"{verb}\" stands for no part of a date; text goes in single quotes"
            ));
        }
    })
}
