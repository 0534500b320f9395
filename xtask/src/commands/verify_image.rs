//! `cargo xtask verify REFERENCE`: checks a published image from outside.

use crate::cli::Common;
use crate::published_image::{self, ImageCheckStatus, ImageVerdict, VerifyContext};
use crate::session::Session;
use xtask_attest::PublicKey;
use xtask_config::KeySource;
use xtask_files::error::{Error, Result};
use xtask_process::exec::{Cmd, Undo};
use xtask_process::table::{Align, Cell, Table, Tone};
use xtask_process::ui::Ui;
use xtask_registry::Reference;
use xtask_registry::client::Client;
use xtask_registry::http::Http;

pub(super) fn run(common: &Common, reference: &str, key: Option<&str>, json: bool) -> Result<()> {
    let reference = Reference::parse(reference)?;
    let session = Session::open(common, json)?;
    if session.offline {
        return Err(Error::usage("a published image cannot be verified with --offline"));
    }
    let key = match key.map(KeySource::of_flag).transpose()? {
        Some(source) => Some(PublicKey::from_pem(&source.read(&session.host)?, &source.to_string())?),
        None => None,
    };
    let (host, ui) = (&session.host, &session.ui);
    let http = Http::new(host, ui)?;
    let client = Client::new(&http, reference.registry(), host);
    let scratch = session.work().join(format!("verify-{}", std::process::id()));
    xtask_files::folder(&scratch)?;
    // As large as the image, and of no use afterwards, however this ends.
    let _gone = Undo::with(Cmd::new("/bin/rm").args(["-rf", "--"]).arg(&scratch));
    let context = VerifyContext { client: &client, scratch: &scratch, key: key.as_ref(), host, ui };
    let task = ui.task("Verifying", reference.to_string());
    let verdict = published_image::verify(&reference, &context)?;
    drop(task);
    match json {
        true => ui.data(&xtask_report::json::pretty(&verdict)),
        false => ui.data(&table(&verdict, ui)),
    }
    let failed = verdict.checks.iter().filter(|check| check.status == ImageCheckStatus::Fail);
    let lines: Vec<String> =
        failed.map(|check| format!("{}: {}: {}", check.subject, check.check, check.detail)).collect();
    if lines.is_empty() {
        ui.step("Verified", format!("{reference} → {}", verdict.digest));
        return Ok(());
    }
    let count = xtask_files::counted(lines.len() as u64, "check");
    let what = format!("{reference} is not what it should be: {count} failed");
    Err(lines.into_iter().fold(Error::failed(what), Error::found))
}

fn table(verdict: &ImageVerdict, ui: &Ui) -> String {
    let mut table = Table::new(&[
        ("subject", Align::Left),
        ("check", Align::Left),
        ("result", Align::Left),
        ("detail", Align::Left),
    ]);
    for check in &verdict.checks {
        let result = match check.status {
            ImageCheckStatus::Pass => Cell::new("pass", Tone::Good),
            ImageCheckStatus::Fail => Cell::new("FAIL", Tone::Bad),
            ImageCheckStatus::NotChecked => Cell::new("not checked", Tone::Plain),
        };
        table.row([
            check.subject.as_str().into(),
            check.check.as_str().into(),
            result,
            check.detail.as_str().into(),
        ]);
    }
    table.terminal(ui.color_out)
}
