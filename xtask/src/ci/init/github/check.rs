//! The workflow that checks changes.

use super::{JobText, RUNNER, head, joined};
use crate::ci::init::CiFacts;
use crate::cli::CiHost;
use xtask_report::size::MARKDOWN_MARK;

/// What runs keep for later ones, and under which key.
const CACHE: &str = "path: |
    ~/.cargo/registry
    ~/.cache/cargo-xtask
    ~/.cache/zig
  key: xtask-${{ hashFiles('Cargo.lock', 'targets.toml', 'toolchains.lock', 'docker/bases/*.lock') }}";

/// What a checked pull request shows of sizes.
const SIZES: &str = "target/sizes";

/// Compares the build times of a pull request with those of the branch below, which is the first parent of the commit that
/// is checked. Machines of a service differ from hour to hour, so a slower build is shown and does not fail the check.
const TIMES: &str = "- name: Compare the build times
  if: github.event_name == 'pull_request'
  run: |
    cargo xtask bench --quick --mode auto --limit 15m --compare-rev HEAD^1 --threshold 20% --markdown > target/times.md ||
      echo 'A build is slower, or cannot be timed: see above.'
    if [ -s target/times.md ]; then { echo; cat target/times.md; } >> target/sizes/comment.md; fi";

pub(super) fn workflow(facts: &CiFacts) -> String {
    let head = head(
        "xtask-check",
        "Tests every mode and makes the release, for each pull request. What images and build times grew by is a comment.",
        "pull_request: {}\npush:\n  branches:\n    - main\n    - master",
        "${{ github.event_name == 'pull_request' }}",
    );
    let check = JobText::new("check", &format!("runs-on: {RUNNER}\ntimeout-minutes: 120"))
        .prepared_with_parents(facts)
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
        .step(TIMES)
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
