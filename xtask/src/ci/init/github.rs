//! The workflows for GitHub Actions. Only the job that publishes may write packages and attestations, and nothing is compiled in
//! it: it gets this program and the release from other jobs, and checks their digests.

use super::{CiFacts, PROGRAM};
use crate::cli::CiHost;
use xtask_report::size::MARKDOWN_MARK;

/// The actions that are used, each with its commit and the version of the commit.
const ACTIONS: [(&str, &str, &str); 7] = [
    ("actions/attest", "59d89421af93a897026c735860bf21b6eb4f7b26", "v4.1.0"),
    ("actions/cache/restore", "27d5ce7f107fe9357f9df03efb73ab90386fccae", "v5.0.5"),
    ("actions/cache/save", "27d5ce7f107fe9357f9df03efb73ab90386fccae", "v5.0.5"),
    ("actions/checkout", "de0fac2e4500dabe0009e67214ff5f5447ce83dd", "v6.0.2"),
    ("actions/download-artifact", "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    ("actions/upload-artifact", "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"),
    ("sigstore/cosign-installer", "cad07c2e89fa2edd6e2d7bab4c1aa38e53f76003", "v4.1.1"),
];

/// The machine for jobs that are not a shard.
const RUNNER: &str = "ubuntu-24.04";

/// Returns the workflows, by their paths.
pub(super) fn files(facts: &CiFacts) -> Vec<(&'static str, String)> {
    let mut files = vec![
        (".github/workflows/xtask-check.yml", check(facts)),
        (".github/workflows/xtask-release.yml", release(facts)),
    ];
    if facts.locks {
        files.push((".github/workflows/xtask-refresh.yml", refresh(facts)));
    }
    files
}

/// A job, whose lines are added one after the other.
struct JobText(String);

impl JobText {
    /// Begins a job with these lines, which end with those in front of its steps.
    fn new(id: &str, lines: &str) -> Self {
        let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
        Self(format!("  {id}:\n{lines}    steps:\n"))
    }

    /// Adds lines of a step; the first begins with `- `.
    fn step(mut self, lines: &str) -> Self {
        for line in lines.lines() {
            self.0 += &if line.is_empty() { "\n".to_owned() } else { format!("      {line}\n") };
        }
        self
    }

    /// Adds the step if a condition holds.
    fn step_if(self, holds: bool, lines: &str) -> Self {
        if holds { self.step(lines) } else { self }
    }

    /// Adds a step that uses an action. `lines` are those below its name.
    fn uses(self, name: &str, action: &str, lines: &str) -> Self {
        let pinned = ACTIONS.iter().find(|(known, ..)| *known == action);
        let pinned = pinned.map(|(name, commit, version)| format!("{name}@{commit} # {version}"));
        let lines: String = lines.lines().map(|line| format!("  {line}\n")).collect();
        self.step(&format!("- name: {name}\n  uses: {}\n{lines}", pinned.unwrap_or_default()))
    }

    /// Adds the step if a condition holds.
    fn uses_if(self, holds: bool, name: &str, action: &str, lines: &str) -> Self {
        if holds { self.uses(name, action, lines) } else { self }
    }

    /// Adds the step that fetches the sources, and leaves no token behind.
    fn checked_out(self) -> Self {
        self.uses("Fetch the sources", "actions/checkout", "with:\n  persist-credentials: false")
    }

    /// Adds the steps that bring what was published, and check that it is that.
    fn with_published(self) -> Self {
        let get = "with:\n  name: published\n  path: target/parts";
        self.uses("Get what was published", "actions/download-artifact", get).step(
            "- name: Unpack it
  env:
    PUBLISHED: ${{ needs.publish.outputs.published }}
  run: |
    sha256sum --check --strict <<< \"$PUBLISHED  target/parts/published.tar\"
    mkdir -p target/dist
    tar --extract --file target/parts/published.tar --directory target/dist",
        )
    }

    /// Adds the steps after which `cargo xtask` can be called.
    fn prepared(self, facts: &CiFacts) -> Self {
        let job = self.checked_out();
        match &facts.install {
            None => job,
            Some(line) => job.step(&format!("- name: Install cargo xtask\n  run: |\n    {line}")),
        }
    }

    /// Adds the steps that bring the release, and this program, from the jobs that made them.
    fn unpacked(self, program: bool) -> Self {
        let get = |job: Self, what: &str, name: &str| {
            job.uses(
                &format!("Get {what}"),
                "actions/download-artifact",
                &format!("with:\n  name: {name}\n  path: target/parts"),
            )
        };
        let job = get(self, "the release", "dist");
        if !program {
            return job.step(
                "- name: Unpack it
  env:
    DIST: ${{ needs.merge.outputs.dist }}
  run: |
    sha256sum --check --strict <<< \"$DIST  target/parts/dist.tar\"
    tar --extract --file target/parts/dist.tar --directory target",
            );
        }
        get(job, "the program that publishes", "program").step(
            "- name: Unpack both
  env:
    DIST: ${{ needs.merge.outputs.dist }}
    PROGRAM: ${{ needs.plan.outputs.program }}
  run: |
    sha256sum --check --strict <<< \"$DIST  target/parts/dist.tar\"
    sha256sum --check --strict <<< \"$PROGRAM  target/parts/program.tar\"
    tar --extract --file target/parts/dist.tar --directory target
    tar --extract --file target/parts/program.tar --directory target/parts",
        )
    }
}

/// Returns the lines of a workflow before its jobs. `cancel` says whether a newer run ends an older one of the same branch or tag.
fn head(name: &str, about: &str, on: &str, cancel: &str) -> String {
    let indented = |text: &str| text.lines().map(|line| format!("  {line}\n")).collect::<String>();
    let about: String = about.lines().map(|line| format!("# {line}\n")).collect();
    format!(
        "{about}name: {name}

on:
{}
# What a job may do beyond this stands at the job.
permissions:
  contents: read

concurrency:
  group: {name}-${{{{ github.ref }}}}
  cancel-in-progress: {cancel}

defaults:
  run:
    shell: bash

jobs:
",
        indented(on)
    )
}

fn joined(head: String, jobs: Vec<JobText>) -> String {
    let jobs: Vec<String> = jobs.into_iter().map(|job| job.0).collect();
    head + &jobs.join("\n")
}

/// What runs keep for later ones, and under which key.
const CACHE: &str = "path: |
    ~/.cargo/registry
    ~/.cache/cargo-xtask
    ~/.cache/zig
  key: xtask-${{ hashFiles('Cargo.lock', 'targets.toml', 'toolchains.lock', 'docker/bases/*.lock') }}";

/// What a checked pull request shows of sizes.
const SIZES: &str = "target/sizes";

fn check(facts: &CiFacts) -> String {
    let head = head(
        "xtask-check",
        "Tests every mode and makes the release, for each pull request. What the images grew by is a comment.",
        "pull_request: {}\npush:\n  branches:\n    - main\n    - master",
        "${{ github.event_name == 'pull_request' }}",
    );
    let check = JobText::new("check", &format!("runs-on: {RUNNER}\ntimeout-minutes: 120"))
        .prepared(facts)
        .uses(
            "Get what earlier runs downloaded",
            "actions/cache/restore",
            &format!("with:\n  {CACHE}\n  restore-keys: |\n    xtask-"),
        )
        .step(&format!(
            "- name: Compare these workflows with targets.toml
  run: |
    {}",
            facts.check(CiHost::GitHub)
        ))
        .step("- name: Test every mode\n  run: cargo xtask test --setup")
        .step("- name: Make the release\n  run: cargo xtask release --setup --strict --allow-superseded")
        .uses(
            "Keep what was downloaded",
            "actions/cache/save",
            &format!("if: github.event_name == 'push'\nwith:\n  {CACHE}"),
        );
    if !facts.images {
        return joined(head, vec![check]);
    }
    let check = check
        .step(&format!(
            "- name: Take the sizes
  if: github.event_name == 'push'
  run: |
    mkdir -p {SIZES}
    cp target/dist/size.json {SIZES}/size.json"
        ))
        .uses(
            "Keep the sizes",
            "actions/cache/save",
            &format!(
                "if: github.event_name == 'push'\nwith:\n  path: {SIZES}\n  key: sizes-${{{{ github.sha }}}}"
            ),
        )
        .uses(
            "Get the sizes of the branch below",
            "actions/cache/restore",
            &format!(
                "if: github.event_name == 'pull_request'
with:
  path: {SIZES}
  key: sizes-${{{{ github.event.pull_request.base.sha }}}}
  restore-keys: |
    sizes-"
            ),
        )
        .step(&format!(
            "- name: Compare the sizes
  if: github.event_name == 'pull_request'
  run: |
    against=()
    if [ -e {SIZES}/size.json ]; then against=(--against {SIZES}/size.json); fi
    mkdir -p {SIZES}
    cargo xtask size --markdown \"${{against[@]}}\" > {SIZES}/comment.md
    cat {SIZES}/comment.md >> \"$GITHUB_STEP_SUMMARY\""
        ))
        .uses(
            "Hand the comparison on",
            "actions/upload-artifact",
            &format!(
                "if: github.event_name == 'pull_request'
with:
  name: comment
  path: {SIZES}/comment.md
  if-no-files-found: error
  retention-days: 1"
            ),
        );
    // The token of a pull request from a fork cannot write a comment. It still has the summary page.
    let comment = JobText::new(
        "comment",
        &format!(
            "needs: check
if: github.event_name == 'pull_request' && github.event.pull_request.head.repo.full_name == github.repository
runs-on: {RUNNER}
timeout-minutes: 10
permissions:
  pull-requests: write"
        ),
    )
    .uses("Get the comparison", "actions/download-artifact", "with:\n  name: comment\n  path: target")
    .step(&format!(
        "- name: Write the comment, or replace the last one
  env:
    GH_REPO: ${{{{ github.repository }}}}
    GH_TOKEN: ${{{{ github.token }}}}
    NUMBER: ${{{{ github.event.pull_request.number }}}}
  run: |
    mine='.[] | select(.user.login == \"github-actions[bot]\" and (.body | startswith(\"{MARKDOWN_MARK}\"))) | .id'
    ids=$(gh api \"repos/$GH_REPO/issues/$NUMBER/comments\" --paginate --jq \"$mine\")
    id=${{ids%%$'\\n'*}}
    if [ -n \"$id\" ]; then
      gh api --method PATCH \"repos/$GH_REPO/issues/comments/$id\" --field body=@target/comment.md --silent
    else
      gh pr comment \"$NUMBER\" --body-file target/comment.md
    fi"
    ));
    joined(head, vec![check, comment])
}

fn release(facts: &CiFacts) -> String {
    let head = head(
        "xtask-release",
        "Makes a release for each tag that names the version, on many machines, and publishes it.",
        "push:\n  tags:\n    - v*",
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
    .step(
        "- name: Divide the release into shards
  id: plan
  run: |
    matrix=$(cargo xtask ci plan --github)
    echo \"matrix=$matrix\" >> \"$GITHUB_OUTPUT\"",
    )
    .step(
        "- name: Compare the tag with the version
  run: |
    version=$(cargo xtask ci plan --json | jq --raw-output .version)
    if [ \"$GITHUB_REF_NAME\" != \"v$version\" ]; then
      echo \"::error::the version is $version, so the tag has to be v$version\"
      exit 1
    fi",
    )
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
    .step(
        "- name: Make the shard
  env:
    SHARD: ${{ matrix.id }}
  run: cargo xtask ci shard \"$SHARD\" --setup --strict",
    )
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
    .step("- name: Join them\n  run: cargo xtask ci merge")
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
    target/parts/{PROGRAM} publish{to}",
                indented(&(login(facts) + &key))
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
        .step(
            "- name: Verify the attestations of the archives
  env:
    GH_TOKEN: ${{ github.token }}
  run: |
    cd target/dist
    sha256sum --check --strict SHA256SUMS
    workflow=$GITHUB_REPOSITORY/.github/workflows/xtask-release.yml
    while read -r _ file; do
      gh attestation verify \"$file\" --repo \"$GITHUB_REPOSITORY\" --signer-workflow \"$workflow\" < /dev/null
    done < SHA256SUMS",
        );
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
    workflow=$GITHUB_REPOSITORY/.github/workflows/xtask-release.yml
    while read -r digest name; do
      gh attestation verify \"oci://$name@sha256:$digest\" --repo \"$GITHUB_REPOSITORY\" --signer-workflow \"$workflow\" < /dev/null
    done < target/dist/digests.txt
    docker logout \"$XTASK_REGISTRY\"",
        indented(&login)
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
      target/parts/{PROGRAM} verify \"$name@sha256:$digest\" < /dev/null
    done < target/dist/digests.txt",
        indented(&login)
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

fn refresh(facts: &CiFacts) -> String {
    let head = head(
        "xtask-refresh",
        "Locks the newest packages of the bases every week, and proposes the change as a pull request. A pull request that
a workflow opens starts no workflow: close it and open it again, and it is checked.",
        "schedule:\n  - cron: \"17 4 * * 1\"\nworkflow_dispatch: {}",
        "false",
    );
    let update = JobText::new(
        "update",
        &format!(
            "runs-on: {RUNNER}
timeout-minutes: 60
outputs:
  changed: ${{{{ steps.update.outputs.changed }}}}"
        ),
    )
    .prepared(facts)
    .step(
        "- name: Lock the newest packages
  id: update
  run: |
    cargo xtask base update
    changed=$(git status --porcelain -- docker/bases)
    if [ -n \"$changed\" ]; then echo \"changed=true\" >> \"$GITHUB_OUTPUT\"; fi",
    )
    .uses(
        "Hand the locks on",
        "actions/upload-artifact",
        "if: steps.update.outputs.changed == 'true'
with:
  name: locks
  path: docker/bases/*.lock
  if-no-files-found: error
  retention-days: 1",
    );
    // Nothing of the repository runs in the job that may write.
    let propose = JobText::new(
        "propose",
        &format!(
            "needs: update
if: needs.update.outputs.changed == 'true'
runs-on: {RUNNER}
timeout-minutes: 10
permissions:
  contents: write
  pull-requests: write"
        ),
    )
    .checked_out()
    .uses("Get the locks", "actions/download-artifact", "with:\n  name: locks\n  path: docker/bases")
    .step(
        "- name: Propose them
  env:
    BRANCH: xtask/locks-of-bases
    GH_TOKEN: ${{ github.token }}
  run: |
    git switch --create \"$BRANCH\"
    git add docker/bases
    git -c user.name='github-actions[bot]' -c user.email='github-actions[bot]@users.noreply.github.com' \\
      commit --quiet --message 'Lock the newest packages of the bases'
    gh auth setup-git
    git push --force origin \"$BRANCH\"
    open=$(gh pr list --head \"$BRANCH\" --state open --json number --jq length)
    if [ \"$open\" = 0 ]; then gh pr create --head \"$BRANCH\" --fill; fi",
    );
    joined(head, vec![update, propose])
}

/// Indents lines once more.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
