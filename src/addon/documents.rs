//! What a client gets from its issuer for JavaScript: the metadata, the JWK Set, and answers about tokens.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::client::NativeClient;
use super::outcome::{JsAnswer, answer};
use super::runtime::{self, Resolver};
use crate::engine::error::Failure;

/// Settles a promise. Called once, from any thread.
type Settle = Box<dyn FnOnce(std::result::Result<String, Failure>) + Send>;

#[napi]
impl NativeClient {
    /// Introspects a token. Resolves to the claims as JSON text, or to the failure.
    #[napi(catch_unwind, ts_return_type = "Promise<Json<IntrospectionResponse> | JsFailure>")]
    pub fn introspect<'env>(&self, env: &'env Env, token: String, now: f64) -> Result<Object<'env>> {
        let (settle, promise) = promise_of_answer(env)?;
        self.engine.introspect(&token, now, Box::new(move |result| settle(result.map(|text| text.to_string()))));
        let introspection = self.engine.introspection();
        if introspection.needs_watch() {
            let introspection = Arc::clone(introspection);
            runtime::repeat(move || introspection.expire());
        }
        Ok(promise)
    }

    /// Resolves to the text of the metadata, or to the failure.
    #[napi(catch_unwind, ts_return_type = "Promise<Json<IssuerMetadata> | JsFailure>")]
    pub fn metadata<'env>(&self, env: &'env Env, is_forced: bool) -> Result<Object<'env>> {
        let (settle, promise) = promise_of_answer(env)?;
        self.engine
            .store()
            .with_metadata(is_forced, Box::new(move |result| settle(result.map(|metadata| metadata.text.clone()))));
        Ok(promise)
    }

    /// Resolves to the text of the JWK Set, or to the failure.
    #[napi(catch_unwind, ts_return_type = "Promise<Json<Jwks> | JsFailure>")]
    pub fn jwks<'env>(&self, env: &'env Env, is_forced: bool) -> Result<Object<'env>> {
        let (settle, promise) = promise_of_answer(env)?;
        self.engine
            .store()
            .with_keys(is_forced, Box::new(move |result| settle(result.map(|published| published.text.clone()))));
        Ok(promise)
    }
}

/// A promise, with the function that settles it.
fn promise_of_answer(env: &Env) -> Result<(Settle, Object<'_>)> {
    let (deferred, promise) = env.create_deferred::<JsAnswer, Resolver<JsAnswer>>()?;
    Ok((Box::new(move |result| deferred.resolve(Box::new(move |_| Ok(answer(result))))), promise))
}
