//! Functions of providers, called from inside an evaluation.

use std::sync::Arc;

use muster_addr::ProviderAddr;
use muster_eval::ProviderFunctions;
use muster_provider::{Request, Response};
use muster_value::Value;
use tokio::runtime::Handle;

use crate::{Context, Pool};

struct Functions {
    pool: Arc<Pool>,
    handle: Handle,
}

/// The functions of all providers of a run.
pub(crate) fn functions(context: &Context) -> Arc<dyn ProviderFunctions> {
    Arc::new(Functions {
        pool: Arc::clone(&context.pool),
        handle: Handle::current(),
    })
}

impl ProviderFunctions for Functions {
    fn call(&self, provider: &ProviderAddr, name: &str, args: &[Value]) -> Result<Value, String> {
        let request = Request::CallFunction {
            name: name.into(),
            args: args.to_vec(),
        };
        let answer = tokio::task::block_in_place(|| {
            self.handle.block_on(async {
                let plugin = self.pool.bare(provider).await?;
                plugin.call(request).await
            })
        });
        match answer {
            Ok(Response::State { value, diags }) => match diags.iter().find(|d| d.is_error()) {
                Some(error) if error.detail.is_empty() => Err(error.summary.clone()),
                Some(error) => Err(error.detail.clone()),
                None => Ok(value),
            },
            Ok(_) => Err("the provider's answer is of another kind than the question".into()),
            Err(error) => Err(error.to_string()),
        }
    }
}
