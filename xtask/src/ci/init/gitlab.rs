//! The pipeline for GitLab CI. Variables with secrets are limited to the environments of the jobs that may not build, since a
//! project's variables are otherwise in every job.

use super::{CiFacts, PROGRAM};
use crate::cli::CiHost;
use xtask_report::size::MARKDOWN_MARK;

/// The file with the pipeline.
const FILE: &str = ".gitlab-ci.yml";

/// Returns the pipeline.
pub(super) fn files(facts: &CiFacts) -> Vec<(String, String)> {
    let mut jobs = vec![check(facts)];
    if facts.images {
        jobs.push(COMMENT.replace("@MARK@", MARKDOWN_MARK));
    }
    jobs.extend([program(facts), shard(facts), MERGE.to_owned()]);
    if facts.images {
        jobs.extend([publish(facts), verify(facts)]);
    }
    if facts.locks {
        jobs.extend([update(facts), PROPOSE.to_owned()]);
    }
    vec![(FILE.to_owned(), format!("{}\n{}", head(facts), jobs.join("\n")))]
}

fn head(facts: &CiFacts) -> String {
    let install = facts.install().iter().map(|line| format!("    - {}\n", listed(line))).collect::<String>();
    let before = match install.as_str() {
        "" => String::new(),
        lines => format!("\n.xtask:\n  before_script:\n{lines}"),
    };
    format!(
        "stages:
  - check
  - make
  - merge
  - publish
  - verify

workflow:
  rules:
    - if: $CI_PIPELINE_SOURCE == \"merge_request_event\"
    - if: $CI_PIPELINE_SOURCE == \"schedule\"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
    - if: $CI_COMMIT_TAG =~ /^v/

default:
  image: rust:1.95-trixie

variables:
  CARGO_HOME: $CI_PROJECT_DIR/target/ci/cargo
  XTASK_CACHE_DIR: $CI_PROJECT_DIR/target/ci/xtask
  ZIG_GLOBAL_CACHE_DIR: $CI_PROJECT_DIR/target/ci/zig
{before}"
    )
}

/// The line of a job by which it calls `cargo xtask`.
fn prepared(facts: &CiFacts) -> &'static str {
    if facts.install().is_some() { "  extends: .xtask\n" } else { "" }
}

fn check(facts: &CiFacts) -> String {
    let sizes = match facts.images {
        false => "",
        true => {
            "    - mkdir -p target/sizes
    - |
      against=()
      if [ -e target/sizes/size.json ]; then against=(--against target/sizes/size.json); fi
      cargo xtask size --markdown \"${against[@]}\" > target/sizes/comment.md
    - |
      base=${CI_MERGE_REQUEST_DIFF_BASE_SHA:-}
      if [ -n \"$base\" ] && git fetch --quiet --depth 1 origin \"$base\"; then
        cargo xtask bench --quick --mode auto --limit 15m --compare-rev \"$base\" --threshold 20% --markdown > target/times.md ||
          echo 'A build is slower, or cannot be timed: see above.'
        if [ -s target/times.md ]; then { echo; cat target/times.md; } >> target/sizes/comment.md; fi
      fi
    - |
      if [ \"$CI_COMMIT_BRANCH\" = \"$CI_DEFAULT_BRANCH\" ]; then cp target/dist/size.json target/sizes/size.json; fi
"
        }
    };
    let artifacts = match facts.images {
        false => "",
        true => "  artifacts:\n    paths:\n      - target/sizes/comment.md\n    expire_in: 1 week\n",
    };
    format!(
        "# Tests every mode and makes the release.
check:
  stage: check
{}  rules:
    - if: $CI_PIPELINE_SOURCE == \"merge_request_event\"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_PIPELINE_SOURCE != \"schedule\"
  timeout: 2 hours
  cache:
    key: xtask
    paths:
      - target/ci/
      - target/sizes/
  script:
    - |
      {}
    - cargo xtask test --setup
    - cargo xtask release --setup --strict --allow-superseded
{sizes}{artifacts}",
        prepared(facts),
        facts.check(CiHost::GitLab)
    )
}

/// The job that comments. Its token is a variable that is limited to its environment, so that no build script can read it.
const COMMENT: &str =
    "# Writes sizes and build times as a comment, if XTASK_COMMENT_TOKEN is set for the environment xtask-comment alone.
comment:
  stage: verify
  rules:
    - if: $CI_PIPELINE_SOURCE == \"merge_request_event\"
  needs:
    - check
  environment:
    name: xtask-comment
    action: access
  variables:
    GIT_STRATEGY: none
  script:
    - |
      if [ -z \"${XTASK_COMMENT_TOKEN:-}\" ]; then cat target/sizes/comment.md; exit 0; fi
      notes=$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes
      ask() { curl --fail --silent --show-error --header \"PRIVATE-TOKEN: $XTASK_COMMENT_TOKEN\" \"$@\"; }
      # The note that this job wrote before is replaced, and none of somebody else.
      me=$(ask \"$CI_API_V4_URL/user\")
      id=$(ask \"$notes?sort=asc&per_page=100\" | ME=$me perl -MJSON::PP -e '
        local $/;
        for my $note (@{decode_json <STDIN>}) {
          next if $note->{author}{id} != decode_json($ENV{ME})->{id} || index $note->{body}, \"@MARK@\";
          print $note->{id};
          last;
        }')
      if [ -n \"$id\" ]; then to=(--request PUT \"$notes/$id\"); else to=(\"$notes\"); fi
      ask --output /dev/null --data-urlencode body@target/sizes/comment.md \"${to[@]}\"
";

fn program(facts: &CiFacts) -> String {
    let from = facts.program();
    format!(
        "# The program that publishes. Nothing is compiled where it publishes.
program:
  stage: make
{}  rules:
    - if: $CI_COMMIT_TAG
  script:
    - |
      version=$(cargo xtask ci plan --json | sed -n 's/^  \"version\": \"\\([^\"]*\\)\",*$/\\1/p')
      if [ \"$CI_COMMIT_TAG\" != \"v$version\" ]; then
        echo \"the version is $version, so the tag has to be v$version\"
        exit 1
      fi
    - mkdir -p target/program
    - cp {from} target/program/{PROGRAM}
  artifacts:
    paths:
      - target/program/
    expire_in: 1 day
",
        prepared(facts)
    )
}

fn shard(facts: &CiFacts) -> String {
    let shards: String = facts.shards.iter().map(|shard| format!("          - {shard}\n")).collect();
    format!(
        "shard:
  stage: make
{}  rules:
    - if: $CI_COMMIT_TAG
  timeout: 2 hours
  parallel:
    matrix:
      - SHARD:
{shards}  script:
    - cargo xtask ci shard \"$SHARD\" --setup --strict
  artifacts:
    paths:
      - target/shards/
    expire_in: 1 day
",
        prepared(facts)
    )
}

const MERGE: &str = "merge:
  stage: merge
  rules:
    - if: $CI_COMMIT_TAG
  needs:
    - program
    - shard
  script:
    - target/program/cargo-xtask ci merge
  artifacts:
    paths:
      - target/dist/
";

/// The registry of the project, if targets.toml names no other.
const LOGIN: &str = "  variables:
    XTASK_REGISTRY: $CI_REGISTRY
    XTASK_REGISTRY_USER: $CI_REGISTRY_USER
    XTASK_REGISTRY_PASSWORD: $CI_REGISTRY_PASSWORD
";

/// The lines of a job with the login of the registry.
fn login(facts: &CiFacts) -> String {
    match &facts.registry {
        None => LOGIN.to_owned(),
        Some(registry) => format!(
            "  # XTASK_REGISTRY_USER and XTASK_REGISTRY_PASSWORD are variables of the environment release alone.\n  \
             variables:\n    XTASK_REGISTRY: \"{registry}\"\n"
        ),
    }
}

fn publish(facts: &CiFacts) -> String {
    let to = if facts.registry.is_none() { " --to \"$CI_REGISTRY_IMAGE/{image}\"" } else { "" };
    let login = login(facts);
    let (tokens, cosign) = match facts.cosign {
        false => ("", ""),
        true => (
            "  id_tokens:\n    SIGSTORE_ID_TOKEN:\n      aud: sigstore\n",
            "    - apt-get update\n    - apt-get install --yes --no-install-recommends cosign\n",
        ),
    };
    format!(
        "publish:
  stage: publish
  rules:
    - if: $CI_COMMIT_TAG
  needs:
    - program
    - merge
  environment:
    name: release
{tokens}{login}  script:
{cosign}    - |
      target/program/{PROGRAM} publish{to}
  artifacts:
    paths:
      - target/dist/publish.json
      - target/dist/digests.txt
"
    )
}

fn verify(facts: &CiFacts) -> String {
    let login = login(facts);
    format!(
        "verify:
  stage: verify
  rules:
    - if: $CI_COMMIT_TAG
  needs:
    - program
    - publish
  environment:
    name: release
    action: access
{login}  script:
    - |
      while read -r digest name; do
        target/program/{PROGRAM} verify \"$name@sha256:$digest\" < /dev/null
      done < target/dist/digests.txt
"
    )
}

fn update(facts: &CiFacts) -> String {
    format!(
        "update:
  stage: check
{}  rules:
    - if: $CI_PIPELINE_SOURCE == \"schedule\"
  script:
    - cargo xtask base update
  artifacts:
    paths:
      - docker/bases/
    expire_in: 1 week
",
        prepared(facts)
    )
}

const PROPOSE: &str = "# Opens a merge request, if XTASK_PUSH_TOKEN is set for the environment xtask-propose alone.
propose:
  stage: publish
  rules:
    - if: $CI_PIPELINE_SOURCE == \"schedule\"
  needs:
    - update
  environment:
    name: xtask-propose
    action: access
  script:
    - |
      if [ -z \"$(git status --porcelain -- docker/bases)\" ]; then exit 0; fi
      if [ -z \"${XTASK_PUSH_TOKEN:-}\" ]; then git diff --stat; exit 1; fi
      git switch --create xtask/locks-of-bases
      git add docker/bases
      git -c user.name=xtask -c user.email=xtask@localhost commit --quiet --message 'Lock the newest packages of the bases'
      git push --force -o merge_request.create \"https://oauth2:$XTASK_PUSH_TOKEN@$CI_SERVER_HOST/$CI_PROJECT_PATH.git\" \\
        xtask/locks-of-bases
";

/// Returns a command as an item of a list.
fn listed(line: &str) -> String {
    format!("|\n      {line}")
}
