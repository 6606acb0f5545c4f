//! Ephemeral resources: what is there while a run needs it and is never stored.

use std::future::Future;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use muster_lang::{Diagnostic, Diags};
use muster_provider::{self as plain, Response};
use muster_value::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::erased::{Call, Typed, encode};
use crate::resource::Context;
use crate::schema::Schema;
use crate::{Fields, checks, de, rules};

/// An ephemeral resource type: a token, a lease, a tunnel. It is opened whenever a run needs it,
/// perhaps renewed while it is in use, and closed at the end. Neither its configuration nor its
/// result is ever stored; what renewing and closing need goes into [`Context::private`].
pub trait EphemeralResource: Send + Sync + 'static {
    /// What the provider's `configure` makes.
    type Client: Send + Sync + 'static;

    /// The object: a struct with the schema's attribute names, `Option` for computed ones.
    type State: Serialize + DeserializeOwned + Send;

    /// What is asked, and what is answered.
    fn schema(&self) -> Schema;

    /// Checks a configuration beyond the schema; values may be unknown.
    fn validate(&self, config: Fields<'_>, diags: &mut Diags) {
        let _ = (config, diags);
    }

    /// Opens it; computed attributes are absent in `config`.
    fn open(
        &self,
        config: Self::State,
        cx: &mut Context<'_, Self::Client>,
    ) -> impl Future<Output = Result<Opened<Self::State>, Diagnostic>> + Send;

    /// Makes it last longer; gives the time by which it has to be renewed again, if it has to.
    /// Only called for what was opened with such a time.
    fn renew(
        &self,
        cx: &mut Context<'_, Self::Client>,
    ) -> impl Future<Output = Result<Option<SystemTime>, Diagnostic>> + Send {
        let _ = cx;
        async { Ok(None) }
    }

    /// Ends it, after its last use.
    fn close(
        &self,
        cx: &mut Context<'_, Self::Client>,
    ) -> impl Future<Output = Result<(), Diagnostic>> + Send {
        let _ = cx;
        async { Ok(()) }
    }
}

/// An ephemeral resource that was opened.
#[derive(Clone, Debug)]
pub struct Opened<S> {
    pub(crate) state: S,
    pub(crate) renew_at: Option<SystemTime>,
}

impl<S> Opened<S> {
    /// It lasts as long as any run needs it.
    pub fn new(state: S) -> Self {
        Self {
            state,
            renew_at: None,
        }
    }

    /// It has to be renewed at this time if it is still in use then. Leave some time between
    /// this and its end.
    #[must_use]
    pub fn renew_at(mut self, time: SystemTime) -> Self {
        self.renew_at = Some(time);
        self
    }
}

pub(crate) trait AnyEphemeral<C>: Send + Sync {
    fn schema(&self) -> &Schema;
    fn validate(&self, config: &Value) -> Diags;
    fn open(&self, call: Call<C>, config: Value) -> BoxFuture<'_, Response>;
    fn renew(&self, call: Call<C>, private: Arc<[u8]>) -> BoxFuture<'_, Response>;
    fn close(&self, call: Call<C>, private: Arc<[u8]>) -> BoxFuture<'_, Response>;
}

impl<E: EphemeralResource> AnyEphemeral<E::Client> for Typed<E> {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value) -> Diags {
        let mut diags = checks::check(&self.schema, config);
        if !diags.has_errors() {
            self.inner.validate(Fields::new(config), &mut diags);
        }
        diags
    }

    fn open(&self, call: Call<E::Client>, config: Value) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            let mut cx = call.context(&config, &[]);
            let filled = rules::plan(&self.schema, &Value::NULL, &config, &config);
            let result = match de::from_planned(&filled) {
                Ok(question) => self.inner.open(question, &mut cx).await,
                Err(fault) => Err(fault.into()),
            };
            let answer = result.and_then(|opened| {
                let value = encode(&self.schema, &opened.state, &filled)?;
                Ok((value, opened.renew_at))
            });
            let (value, renew_at) = answer.unwrap_or_else(|diagnostic| {
                cx.diags.push(diagnostic);
                (Value::Null(self.schema.ty()), None)
            });
            opened(value, renew_at, cx)
        })
    }

    fn renew(&self, call: Call<E::Client>, private: Arc<[u8]>) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            let mut cx = call.context(&Value::NULL, &private);
            let renew_at = match self.inner.renew(&mut cx).await {
                Ok(renew_at) => renew_at,
                Err(diagnostic) => {
                    cx.diags.push(diagnostic);
                    None
                }
            };
            opened(Value::NULL, renew_at, cx)
        })
    }

    fn close(&self, call: Call<E::Client>, private: Arc<[u8]>) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            let mut cx = call.context(&Value::NULL, &private);
            if let Err(diagnostic) = self.inner.close(&mut cx).await {
                cx.diags.push(diagnostic);
            }
            Response::Done(cx.diags)
        })
    }
}

fn opened<C>(value: Value, renew_at: Option<SystemTime>, cx: Context<'_, C>) -> Response {
    Response::Opened(plain::Opened {
        value,
        private: cx.private.encode().into(),
        renew_at: renew_at.map(seconds),
        diags: cx.diags,
    })
}

/// Whole seconds since the epoch, rounded down so that nothing is renewed too late.
fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
