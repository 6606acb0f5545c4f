//! The service that hands out credentials for roles and knows whose credentials are whose.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::Method;

use crate::fault::Fault;
use crate::role::{Role, Token, WebRole};
use crate::wire::{Request, Wire, escape};
use crate::xml;

/// How long credentials of a role are good where the answer does not say: the shortest time that
/// can be asked for.
const SHORTEST_SESSION: Duration = Duration::from_secs(900);

/// The service.
#[derive(Clone, Debug)]
pub(crate) struct Sts {
    pub wire: Wire,
    pub url: String,
    pub region: String,
}

impl Sts {
    /// Takes a role on.
    ///
    /// # Errors
    /// The service refuses, or cannot be reached.
    pub(crate) async fn assume(
        &self,
        role: &Role,
        credentials: &Credentials,
    ) -> Result<Credentials, Fault> {
        let fields = role.fields();
        let answer = self.ask("AssumeRole", fields, Some(credentials)).await?;
        session(&answer)
    }

    /// Takes a role on with a token of another service.
    ///
    /// # Errors
    /// As [`Self::assume`], or the token cannot be read.
    pub(crate) async fn assume_by_token(&self, role: &WebRole) -> Result<Credentials, Fault> {
        let token = match &role.token {
            Token::Text(text) => text.clone(),
            Token::File(path) => {
                let read = tokio::task::spawn_blocking({
                    let path = path.clone();
                    move || std::fs::read_to_string(path)
                });
                let read = read.await.map_err(|e| Fault::Other(e.to_string()))?;
                read.map_err(|e| {
                    let place = path.display();
                    Fault::Credentials(format!("the token in {place} cannot be read: {e}"))
                })?
            }
        };
        let mut fields = role.role.fields();
        fields.push(("WebIdentityToken".to_owned(), token.trim().to_owned()));
        session(&self.ask("AssumeRoleWithWebIdentity", fields, None).await?)
    }

    /// The account that credentials belong to.
    ///
    /// # Errors
    /// As [`Self::assume`].
    pub(crate) async fn account(&self, credentials: &Credentials) -> Result<String, Fault> {
        let answer = self
            .ask("GetCallerIdentity", Vec::new(), Some(credentials))
            .await?;
        xml::first(&answer, "Account")
            .ok_or_else(|| Fault::Other("the answer does not name the account".to_owned()))
    }

    async fn ask(
        &self,
        action: &str,
        fields: Vec<(String, String)>,
        credentials: Option<&Credentials>,
    ) -> Result<String, Fault> {
        let mut form = format!("Action={action}&Version=2011-06-15");
        for (name, value) in fields {
            form.push_str(&format!("&{name}={}", escape(&value, false)));
        }
        let kind = "application/x-www-form-urlencoded; charset=utf-8";
        let request = Request {
            service: "sts",
            region: self.region.clone(),
            method: Method::POST,
            url: format!("{}/", self.url),
            headers: vec![("content-type", kind.to_owned())],
            body: Bytes::from(form),
        };
        let answer = self.wire.send(&request, credentials).await?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }
}

fn session(answer: &str) -> Result<Credentials, Fault> {
    let field = |name| {
        let found = xml::first(answer, name).filter(|text| !text.is_empty());
        found.ok_or_else(|| Fault::Other(format!("the answer has no {name}")))
    };
    let expiry = xml::first(answer, "Expiration").and_then(|text| {
        use aws_smithy_types::date_time::{DateTime, Format};
        let time = DateTime::from_str(&text, Format::DateTime).ok()?;
        SystemTime::try_from(time).ok()
    });
    Ok(Credentials::new(
        field("AccessKeyId")?,
        field("SecretAccessKey")?,
        Some(field("SessionToken")?),
        Some(expiry.unwrap_or_else(|| SystemTime::now() + SHORTEST_SESSION)),
        "role",
    ))
}
