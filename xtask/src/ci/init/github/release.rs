//! The workflow that makes and publishes a release.

use super::{JobText, RUNNER, head, indented, joined};
use crate::ci::init::{CiFacts, PROGRAM};

/// Returns the name of the workflow, which is also that of its file.
pub(super) fn name(facts: &CiFacts) -> String {
    match &facts.second {
        None => "xtask-release".to_owned(),
        Some(second) => format!("{}-release", second.program),
    }
}

pub(super) fn workflow(facts: &CiFacts) -> String {
    let (config, tag) = (facts.config(), facts.before_version());
    let head = head(
        &name(facts),
        "Makes a release for each tag that names the version, on many machines, and publishes it.",
        &format!("push:\n  tags:\n    - {tag}v*"),
        "false",
    );
    let program = facts.program();
    let plan = JobText::new(
        "plan",
        &format!(
            "runs-on: {RUNNER}
timeout-minutes: 30
outputs:
  matrix: ${{{{ steps.plan.outputs.matrix }}}}
  program: ${{{{ steps.program.outputs.program }}}}"
        ),
    )
    .prepared(facts)
    .step(&format!(
        "- name: Divide the release into shards
  id: plan
  run: |
    matrix=$(cargo xtask ci plan --github{config})
    echo \"matrix=$matrix\" >> \"$GITHUB_OUTPUT\""
    ))
    .step(&format!(
        "- name: Compare the tag with the version
  run: |
    version=$(cargo xtask ci plan --json{config} | jq --raw-output .version)
    if [ \"$GITHUB_REF_NAME\" != \"{tag}v$version\" ]; then
      echo \"::error::the version is $version, so the tag has to be {tag}v$version\"
      exit 1
    fi"
    ))
    .step(&format!(
        "# It publishes in another job, in which nothing is compiled.
- name: Pack this program
  id: program
  run: |
    mkdir -p target/program
    cp {program} target/program/{PROGRAM}
    tar --create --file target/program.tar --directory target/program {PROGRAM}
    digest=$(sha256sum target/program.tar)
    echo \"program=${{digest%% *}}\" >> \"$GITHUB_OUTPUT\""
    ))
    .uses(
        "Hand it on",
        "actions/upload-artifact",
        "with:\n  name: program\n  path: target/program.tar\n  if-no-files-found: error\n  retention-days: 1",
    );
    let shard = JobText::new(
        "shard",
        "name: shard ${{ matrix.id }}
needs: plan
runs-on: ${{ matrix.runner }}
timeout-minutes: 120
strategy:
  fail-fast: false
  matrix: ${{ fromJSON(needs.plan.outputs.matrix) }}",
    )
    .prepared(facts)
    .step(&format!(
        "- name: Make the shard
  env:
    SHARD: ${{{{ matrix.id }}}}
  run: cargo xtask ci shard \"$SHARD\" --setup --strict{config}"
    ))
    .uses(
        "Hand it on",
        "actions/upload-artifact",
        "with:
  name: shard-${{ strategy.job-index }}
  path: target/shards
  if-no-files-found: error
  compression-level: 0
  retention-days: 1",
    );
    let merge = JobText::new(
        "merge",
        &format!(
            "needs: shard
runs-on: {RUNNER}
timeout-minutes: 60
outputs:
  dist: ${{{{ steps.dist.outputs.dist }}}}"
        ),
    )
    .prepared(facts)
    .uses(
        "Get the shards",
        "actions/download-artifact",
        "with:\n  pattern: shard-*\n  path: target/shards\n  merge-multiple: true",
    )
    .step(&format!("- name: Join them\n  run: cargo xtask ci merge{config}"))
    .step(
        "- name: Pack the release
  id: dist
  run: |
    tar --create --file target/dist.tar --directory target dist
    digest=$(sha256sum target/dist.tar)
    echo \"dist=${digest%% *}\" >> \"$GITHUB_OUTPUT\"",
    )
    .uses(
        "Hand it on",
        "actions/upload-artifact",
        "with:\n  name: dist\n  path: target/dist.tar\n  if-no-files-found: error\n  compression-level: 0",
    );
    joined(head, vec![plan, shard, merge, publish(facts), verify(facts), archives()])
}

/// The registry of GitHub, for which a workflow's own token is the password.
const GHCR: &str = "ghcr.io";

/// The names of the images in GitHub's registry, if targets.toml names no registry.
const TO: &str = "\"ghcr.io/${GITHUB_REPOSITORY_OWNER,,}/{image}\"";

/// Returns the variables with the login of the registry, each on a line.
fn login(facts: &CiFacts) -> String {
    let registry = facts.registry.as_deref().unwrap_or(GHCR);
    let (user, password) = match registry {
        GHCR => ("github.actor", "github.token"),
        _ => ("secrets.XTASK_REGISTRY_USER", "secrets.XTASK_REGISTRY_PASSWORD"),
    };
    let quoted = if registry.contains(':') { format!("\"{registry}\"") } else { registry.to_owned() };
    format!(
        "  XTASK_REGISTRY: {quoted}\n  XTASK_REGISTRY_USER: ${{{{ {user} }}}}\n  XTASK_REGISTRY_PASSWORD: ${{{{ {password} }}}}"
    )
}

/// The files that publishing makes or that are handed out, in target/dist.
fn published(facts: &CiFacts) -> &'static str {
    if facts.images { "archives SHA256SUMS* digests.txt publish.json" } else { "archives SHA256SUMS*" }
}

fn publish(facts: &CiFacts) -> JobText {
    let key =
        facts.key.iter().map(|name| format!("\n  {name}: ${{{{ secrets.{name} }}}}")).collect::<String>();
    let to = if facts.registry.is_none() { format!(" --to {TO}") } else { String::new() };
    let job = JobText::new(
        "publish",
        &format!(
            "needs:
  - plan
  - merge
runs-on: {RUNNER}
timeout-minutes: 60
environment: release
# No other job may do this, and no build script runs here.
permissions:
  attestations: write
  contents: read
  id-token: write
  packages: write
outputs:
  published: ${{{{ steps.published.outputs.published }}}}"
        ),
    );
    job.checked_out()
        .unpacked(true)
        .uses_if(facts.cosign, "Install cosign", "sigstore/cosign-installer", "")
        .step_if(
            facts.images,
            &format!(
                "- name: Publish the images
  env:
{}
  run: |
    target/parts/{PROGRAM} publish{to}{}",
                indented(&(login(facts) + &key)),
                facts.config()
            ),
        )
        .uses_if(
            facts.images,
            "Attest the images",
            "actions/attest",
            "with:\n  subject-checksums: target/dist/digests.txt",
        )
        .uses("Attest the archives", "actions/attest", "with:\n  subject-checksums: target/dist/SHA256SUMS")
        .step(&format!(
            "- name: Pack what was published
  id: published
  run: |
    cd target/dist
    tar --create --file ../published.tar {}
    digest=$(sha256sum ../published.tar)
    echo \"published=${{digest%% *}}\" >> \"$GITHUB_OUTPUT\"",
            published(facts)
        ))
        .uses(
            "Hand it on",
            "actions/upload-artifact",
            "with:\n  name: published\n  path: target/published.tar\n  if-no-files-found: error\n  compression-level: 0",
        )
}

fn verify(facts: &CiFacts) -> JobText {
    let job = JobText::new(
        "verify",
        &format!(
            "needs:
  - plan
  - publish
runs-on: {RUNNER}
timeout-minutes: 30
permissions:
  attestations: read
  contents: read
  packages: read"
        ),
    );
    let job = job
        .checked_out()
        .with_published()
        .step(&format!(
            "- name: Verify the attestations of the archives
  env:
    GH_TOKEN: ${{{{ github.token }}}}
  run: |
    cd target/dist
    sha256sum --check --strict SHA256SUMS
    workflow=$GITHUB_REPOSITORY/.github/workflows/{}.yml
    while read -r _ file; do
      gh attestation verify \"$file\" --repo \"$GITHUB_REPOSITORY\" --signer-workflow \"$workflow\" < /dev/null
    done < SHA256SUMS",
            name(facts)
        ));
    if !facts.images {
        return job;
    }
    let login = login(facts);
    job.step(&format!(
        "- name: Verify the attestations of the images
  env:
    GH_TOKEN: ${{{{ github.token }}}}
{}
  run: |
    docker login \"$XTASK_REGISTRY\" --username \"$XTASK_REGISTRY_USER\" --password-stdin <<< \"$XTASK_REGISTRY_PASSWORD\"
    workflow=$GITHUB_REPOSITORY/.github/workflows/{}.yml
    while read -r digest name; do
      gh attestation verify \"oci://$name@sha256:$digest\" --repo \"$GITHUB_REPOSITORY\" --signer-workflow \"$workflow\" < /dev/null
    done < target/dist/digests.txt
    docker logout \"$XTASK_REGISTRY\"",
        indented(&login),
        name(facts)
    ))
    .uses(
        "Get the program that verifies",
        "actions/download-artifact",
        "with:\n  name: program\n  path: target/parts",
    )
    .step(&format!(
        "- name: Verify the images from outside
  env:
    PROGRAM: ${{{{ needs.plan.outputs.program }}}}
{}
  run: |
    sha256sum --check --strict <<< \"$PROGRAM  target/parts/program.tar\"
    tar --extract --file target/parts/program.tar --directory target/parts
    while read -r digest name; do
      target/parts/{PROGRAM} verify \"$name@sha256:$digest\"{} < /dev/null
    done < target/dist/digests.txt",
        indented(&login),
        facts.config()
    ))
}

fn archives() -> JobText {
    JobText::new(
        "archives",
        &format!(
            "needs:
  - publish
  - verify
runs-on: {RUNNER}
timeout-minutes: 30
permissions:
  contents: write"
        ),
    )
    .with_published()
    .step(
        "- name: Put the archives into a release of GitHub
  env:
    GH_REPO: ${{ github.repository }}
    GH_TOKEN: ${{ github.token }}
  run: |
    if ! gh release view \"$GITHUB_REF_NAME\" > /dev/null 2>&1; then
      gh release create \"$GITHUB_REF_NAME\" --draft --verify-tag --title \"$GITHUB_REF_NAME\" --notes ''
    fi
    gh release upload \"$GITHUB_REF_NAME\" --clobber target/dist/archives/* target/dist/SHA256SUMS*
    gh release edit \"$GITHUB_REF_NAME\" --draft=false",
    )
}
