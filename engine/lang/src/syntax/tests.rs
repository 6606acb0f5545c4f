use std::sync::Arc;

use super::*;

fn zz_dump() -> Option<String> {
    std::env::var("ZZ").ok()
}

#[test]
fn zz() {
    let Some(path) = zz_dump() else { return };
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let src: String = serde_json::from_str(line).unwrap();
        let text: Arc<str> = src.as_str().into();
        let (_, diags) = parse_native(FileId(0), &text);
        println!("{src:?}");
        for d in diags.iter() {
            let s = d.subject.unwrap();
            println!(
                "    e | {} | {} {} {:?}",
                d.summary,
                s.start,
                s.end,
                &src[s.start as usize..s.end as usize]
            );
        }
    }
}
