//! The workflow that refreshes the locks of bases.

use super::{JobText, RUNNER, head, joined};
use crate::ci::init::CiFacts;

pub(super) fn workflow(facts: &CiFacts) -> String {
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
