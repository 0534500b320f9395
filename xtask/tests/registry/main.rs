//! Bases from registries, end to end: Debian's docker-registry as a child of the tests, filled by skopeo and docker.

mod auth;
mod cache;
mod hostile;
mod image;
mod network;
mod pull;
mod push;
mod support;
mod tls;
mod token;
