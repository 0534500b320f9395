//! How to run an image, as written: the keys of `[[image]]` that become its configuration and its smoke run.

use super::shapes;
use super::{Text, Texts};
use crate::config::walk::Fields;

/// The keys as written. What is none or empty was left out or is reported already.
#[derive(Debug, Default)]
pub(in crate::config) struct RawRun {
    pub(in crate::config) entrypoint: Option<Texts>,
    pub(in crate::config) cmd: Option<Texts>,
    pub(in crate::config) env: Vec<(Text, Text)>,
    pub(in crate::config) user: Option<Text>,
    pub(in crate::config) workdir: Option<Text>,
    pub(in crate::config) ports: Option<Texts>,
    pub(in crate::config) volumes: Option<Texts>,
    pub(in crate::config) stop_signal: Option<Text>,
    pub(in crate::config) healthcheck: Option<RawHealthcheck>,
    pub(in crate::config) labels: Vec<(Text, Text)>,
    pub(in crate::config) annotations: Vec<(Text, Text)>,
    pub(in crate::config) smoke: Option<Texts>,
    pub(in crate::config) expect: Option<RawExpect>,
}

/// `healthcheck` as written.
#[derive(Debug)]
pub(in crate::config) struct RawHealthcheck {
    pub(in crate::config) cmd: Option<Texts>,
    pub(in crate::config) interval: Option<Text>,
    pub(in crate::config) timeout: Option<Text>,
    pub(in crate::config) start_period: Option<Text>,
    pub(in crate::config) retries: Option<Text>,
}

/// `expect` as written.
#[derive(Debug)]
pub(in crate::config) struct RawExpect {
    pub(in crate::config) exit: Option<Text>,
    pub(in crate::config) stdout: Option<Text>,
}

/// Reads them from an `[[image]]`.
pub(super) fn fields(image: &mut Fields<'_, '_>) -> RawRun {
    RawRun {
        entrypoint: image.strings("entrypoint"),
        cmd: image.strings("cmd"),
        env: image.map("env").unwrap_or_default(),
        user: image.string("user"),
        workdir: image.string("workdir"),
        ports: image.strings("ports"),
        volumes: image.strings("volumes"),
        stop_signal: image.string("stop-signal"),
        healthcheck: image.inline("healthcheck", &shapes::HEALTHCHECK).map(healthcheck),
        labels: image.map("labels").unwrap_or_default(),
        annotations: image.map("annotations").unwrap_or_default(),
        smoke: image.strings("smoke"),
        expect: image.inline("expect", &shapes::EXPECT).map(expect),
    }
}

fn healthcheck(mut fields: Fields<'_, '_>) -> RawHealthcheck {
    let cmd = fields.strings("cmd");
    RawHealthcheck {
        cmd: fields.required("cmd", cmd),
        interval: fields.string("interval"),
        timeout: fields.string("timeout"),
        start_period: fields.string("start-period"),
        retries: fields.integer("retries"),
    }
}

fn expect(mut fields: Fields<'_, '_>) -> RawExpect {
    RawExpect { exit: fields.integer("exit"), stdout: fields.string("stdout") }
}
