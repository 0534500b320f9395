//! `cargo xtask verify REFERENCE`: checks a published image from outside.

use super::rebuild_image::ImageRebuild;
use crate::attached::{self, KeySaid};
use crate::cli::Common;
use crate::cosign::Cosign;
use crate::provenance::summary::{self, InputAttestation};
use crate::publish::{AttachTarget, Attestor, Publisher};
use crate::published_image::{self, ImageCheckStatus, ImageVerdict, VerifyContext};
use crate::sbom::purl::Purl;
use crate::session::Session;
use xtask_attest::{PrivateKey, PublicKey};
use xtask_config::{KeySource, SigningSource};
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;
use xtask_process::exec::Undo;
use xtask_process::table::{Align, Cell, Table, Tone};
use xtask_process::ui::Ui;
use xtask_registry::Reference;
use xtask_registry::client::Client;
use xtask_registry::http::Http;
use xtask_registry::push::PushLimits;

/// What the command line says about the verification of a published image.
pub(super) struct VerifyImageRequest {
    /// The image.
    pub(super) reference: String,
    /// `--key`, the public key whose signatures count.
    pub(super) key: Option<String>,
    /// `--rebuild`.
    pub(super) rebuild: bool,
    /// `--sign`, the private key of the verifier.
    pub(super) sign: Option<String>,
    /// `--setup`, which only a second build needs.
    pub(super) setup: bool,
}

pub(super) fn run(common: &Common, request: &VerifyImageRequest, json: bool) -> Result<()> {
    let reference = Reference::parse(&request.reference)?;
    let session = Session::open(common, json)?;
    if session.offline {
        return Err(Error::usage("a published image cannot be verified with --offline"));
    }
    if request.setup && !request.rebuild {
        return Err(Error::usage("--setup does nothing for a published image that is not built again")
            .help("add --rebuild, or leave --setup out"));
    }
    if request.rebuild && request.key.is_none() {
        return Err(Error::usage("--rebuild of a published image needs --key").found(
            "the provenance records what the image was made from; it counts only if the key signed it",
        ));
    }
    // Read before anything is fetched or built.
    let signer = request.sign.as_deref().map(|text| Signer::read(text, &session)).transpose()?;
    let by_cosign = format!("cosign verify --certificate-identity=… --certificate-oidc-issuer=… {reference}");
    let key = request.key.as_deref().map(|key| public_key(&session, key, &by_cosign)).transpose()?;
    let (host, ui) = (&session.host, &session.ui);
    let http = Http::new(host, ui)?;
    let client = Client::new(&http, reference.registry(), host);
    let scratch = session.work().join(format!("verify-{}", std::process::id()));
    xtask_files::folder(&scratch)?;
    // As large as the image, and of no use afterwards, however this ends.
    let _gone = Undo::removing(&scratch);
    let context = VerifyContext { client: &client, scratch: &scratch, key: key.as_ref(), host, ui };
    let task = ui.task("Verifying", reference.to_string());
    let mut verdict = published_image::verify(&reference, &context)?;
    drop(task);
    let rebuilt = match (request.rebuild, verdict.ok) {
        (true, true) => {
            let sign = signer.as_ref().map(|signer| &signer.source);
            let rebuild = ImageRebuild {
                session: &session,
                common,
                reference: &reference,
                context: &context,
                setup: request.setup,
                sign,
            };
            rebuild.run(&mut verdict)
        }
        (true, false) => {
            let why = "not built again, since a check failed".to_owned();
            verdict.add("index", "rebuild", ImageCheckStatus::NotChecked, why);
            Ok(())
        }
        (false, _) => Ok(()),
    };
    match json {
        true => ui.data(&xtask_report::json::pretty(&verdict)),
        false => ui.data(&table(&verdict, ui)),
    }
    let failed = verdict.checks.iter().filter(|check| check.status == ImageCheckStatus::Fail);
    let lines: Vec<String> =
        failed.map(|check| format!("{}: {}: {}", check.subject, check.check, check.detail)).collect();
    rebuilt?;
    if lines.is_empty() {
        ui.step("Verified", format!("{reference} → {}", verdict.digest));
        return signer
            .map_or(Ok(()), |signer| signer.attach(&verdict, &reference, &context, (&http, &session)));
    }
    let count = xtask_files::counted(lines.len() as u64, "check");
    let what = format!("{reference} did not pass the verification: {count} failed");
    Err(lines.into_iter().fold(Error::failed(what), Error::found))
}

/// The key of a verifier, and where it came from.
struct Signer {
    source: KeySource,
    key: PrivateKey,
}

impl Signer {
    fn read(text: &str, session: &Session) -> Result<Self> {
        let unusable = |why: String| Error::usage("--sign cannot be used").found(why);
        let SigningSource::Pem(source) = SigningSource::parse(text).map_err(unusable)? else {
            // Build scripts run before it signs, with the variables of this run.
            return Err(unusable("a key in a file or in a variable is wanted here".to_owned()));
        };
        let key = PrivateKey::from_pem(&source.read(&session.host)?, &source.to_string())?;
        Ok(Self { source, key })
    }

    /// Attaches a summary of the verification to the index and to every platform. Where the key has stated the same
    /// before, at another time, that statement stays and no other is added.
    fn attach(
        self,
        verdict: &ImageVerdict,
        reference: &Reference,
        context: &VerifyContext<'_>,
        (http, session): (&Http<'_>, &Session),
    ) -> Result<()> {
        let digests: Vec<Digest> =
            verdict.subjects.iter().map(|subject| subject.descriptor.digest.clone()).collect();
        let statements = verdict.subjects.iter().flat_map(|subject| &subject.statements);
        let inputs: Vec<InputAttestation> = statements
            .map(|statement| InputAttestation {
                uri: context.client.url(&format!("{}/blobs/{}", reference.repository(), statement.document)),
                digest: statement.document.clone(),
            })
            .collect();
        let name = reference.repository().rsplit('/').next().unwrap_or_default();
        let resource =
            Purl::new("oci", name, verdict.digest.as_str()).with("repository_url", &reference.name());
        let mut stated = summary::passed(&digests, &resource.to_string(), &inputs, super::now());
        for document in attached::read(context.client, reference, &verdict.digest)? {
            match document.said_by(self.key.public(), &verdict.digest) {
                Some(KeySaid::Stated(earlier)) if summary::says_the_same(&earlier, &stated) => {
                    stated = earlier
                }
                _ => {}
            }
        }
        let publisher = Publisher::new(reference, http, PushLimits::read(&session.host)?, session);
        let target = AttachTarget {
            name: &verdict.reference,
            to: reference,
            subjects: verdict.subjects.iter().map(|subject| &subject.descriptor).collect(),
        };
        publisher
            .attach(&target, &Attestor { key: Box::new(self.key), signs: false, statements: vec![stated] })?;
        session.ui.step("Attached", format!("the summary of the verification to {}", verdict.digest));
        Ok(())
    }
}

/// Reads the public key that `--key` names, in PEM or from a service. `by_cosign` is the command that verifies keyless
/// signatures.
pub(super) fn public_key(session: &Session, key: &str, by_cosign: &str) -> Result<PublicKey> {
    match &SigningSource::of_flag(key)? {
        SigningSource::Pem(source) => PublicKey::from_pem(&source.read(&session.host)?, &source.to_string()),
        SigningSource::Service(key) => {
            Cosign::find(&session.host, &session.work())?.public_key(key, &session.host)
        }
        SigningSource::Keyless => {
            Err(Error::usage("keyless signatures are not verified here").help(by_cosign))
        }
    }
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
