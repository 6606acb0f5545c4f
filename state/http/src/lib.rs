//! States behind an HTTP server, by the protocol of Terraform's `backend "http"`: `GET` reads
//! the state, `POST` stores it, `LOCK` and `UNLOCK` take and give back a lock that is described
//! by a JSON document. Methods and addresses can be chosen.
//!
//! What is added to it: bearer tokens and headers, answers are checked to be whole, and a request
//! that is repeated because its answer was lost is not taken for somebody else's.

mod backend;
mod bridge;
mod client;
mod config;
mod store;

pub use backend::HttpBackend;
pub use config::SETTINGS;
