//! How to run an image, as written: the keys of `[[image]]` for its configuration and its smoke run.

use super::{SpannedText, SpannedTexts};
use crate::keys;
use crate::walk::Fields;

/// The keys as written. A value that is none or empty was left out or is already reported.
#[derive(Debug, Default)]
pub(crate) struct RawRun {
    pub(crate) entrypoint: Option<SpannedTexts>,
    pub(crate) cmd: Option<SpannedTexts>,
    pub(crate) env: Vec<(SpannedText, SpannedText)>,
    pub(crate) user: Option<SpannedText>,
    pub(crate) workdir: Option<SpannedText>,
    pub(crate) ports: Option<SpannedTexts>,
    pub(crate) volumes: Option<SpannedTexts>,
    pub(crate) stop_signal: Option<SpannedText>,
    pub(crate) healthcheck: Option<RawHealthcheck>,
    pub(crate) labels: Vec<(SpannedText, SpannedText)>,
    pub(crate) annotations: Vec<(SpannedText, SpannedText)>,
    pub(crate) smoke: Option<SpannedTexts>,
    pub(crate) expect: Option<RawExpect>,
}

/// The value of `healthcheck` as it is written in the file.
#[derive(Debug)]
pub(crate) struct RawHealthcheck {
    pub(crate) cmd: Option<SpannedTexts>,
    pub(crate) interval: Option<SpannedText>,
    pub(crate) timeout: Option<SpannedText>,
    pub(crate) start_period: Option<SpannedText>,
    pub(crate) retries: Option<SpannedText>,
}

/// The value of `expect` as it is written in the file.
#[derive(Debug)]
pub(crate) struct RawExpect {
    pub(crate) exit: Option<SpannedText>,
    pub(crate) stdout: Option<SpannedText>,
}

/// Reads these keys from an `[[image]]` table.
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
        healthcheck: image.inline("healthcheck", &keys::HEALTHCHECK).map(healthcheck),
        labels: image.map("labels").unwrap_or_default(),
        annotations: image.map("annotations").unwrap_or_default(),
        smoke: image.strings("smoke"),
        expect: image.inline("expect", &keys::EXPECT).map(expect),
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
