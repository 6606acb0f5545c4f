//! Credentials of hosts in `.netrc`, the file that git and others read too.

use std::path::PathBuf;

use reqwest::Url;

/// Adds the user and password that the file has for the host of an address, unless it has some.
pub(crate) fn sign_in(url: &mut Url) {
    if !url.username().is_empty() || url.password().is_some() {
        return;
    }
    let Some(text) = path().and_then(|path| std::fs::read_to_string(path).ok()) else {
        return;
    };
    if let Some((login, password)) = url.host_str().and_then(|host| find(&text, host)) {
        // Only addresses without a host take none.
        let _ = url.set_username(&login);
        let _ = url.set_password(Some(&password));
    }
}

fn path() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    let named = set("NETRC").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(set("HOME")?).join(".netrc")))
}

/// The login and password of a host, or those of `default`.
fn find(text: &str, host: &str) -> Option<(String, String)> {
    let mut words = text.split_whitespace();
    let (mut here, mut login) = (false, None);
    while let Some(word) = words.next() {
        match word {
            "machine" => {
                here = words.next()? == host;
                login = None;
            }
            "default" => {
                here = true;
                login = None;
            }
            "login" => login = words.next(),
            "password" => {
                let password = words.next()?;
                if here {
                    return Some((login.unwrap_or_default().to_owned(), password.to_owned()));
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_have_passwords() {
        let text = "machine a.example login u password p\nmachine b.example\n  login v\n  account x\n  password q\n";
        let check = |host: &str, expect: Option<(&str, &str)>| {
            let expect = expect.map(|(u, p)| (u.to_owned(), p.to_owned()));
            assert_eq!(find(text, host), expect, "{host}");
        };
        check("a.example", Some(("u", "p")));
        check("b.example", Some(("v", "q")));
        check("c.example", None);
        let text = "machine a login u default login d password x";
        assert_eq!(find(text, "b"), Some(("d".to_owned(), "x".to_owned())));
        assert_eq!(find("machine", "a"), None);
    }
}
