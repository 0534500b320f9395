//! The text of a job: steps that are added one after the other, and those that several jobs share.

use crate::ci::init::{CiFacts, INSTALL_STEP, PROGRAM, ToolSource};

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

/// A job, whose lines are added one after the other.
pub(super) struct JobText(pub(super) String);

impl JobText {
    /// Begins a job with these lines, which end with those in front of its steps.
    pub(super) fn new(id: &str, lines: &str) -> Self {
        let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
        Self(format!("  {id}:\n{lines}    steps:\n"))
    }

    /// Adds lines of a step; the first begins with `- `.
    pub(super) fn step(mut self, lines: &str) -> Self {
        for line in lines.lines() {
            self.0 += &if line.is_empty() { "\n".to_owned() } else { format!("      {line}\n") };
        }
        self
    }

    /// Adds the step if a condition holds.
    pub(super) fn step_if(self, holds: bool, lines: &str) -> Self {
        if holds { self.step(lines) } else { self }
    }

    /// Adds a step that uses an action. `lines` are those below its name.
    pub(super) fn uses(self, name: &str, action: &str, lines: &str) -> Self {
        let pinned = ACTIONS.iter().find(|(known, ..)| *known == action);
        let pinned = pinned.map(|(name, commit, version)| format!("{name}@{commit} # {version}"));
        let lines: String = lines.lines().map(|line| format!("  {line}\n")).collect();
        self.step(&format!("- name: {name}\n  uses: {}\n{lines}", pinned.unwrap_or_default()))
    }

    /// Adds the step if a condition holds.
    pub(super) fn uses_if(self, holds: bool, name: &str, action: &str, lines: &str) -> Self {
        if holds { self.uses(name, action, lines) } else { self }
    }

    /// Adds the step that fetches the sources, and leaves no token behind.
    pub(super) fn checked_out(self) -> Self {
        self.uses("Fetch the sources", "actions/checkout", "with:\n  persist-credentials: false")
    }

    /// Adds the steps that bring what was published, and check that it is that.
    pub(super) fn with_published(self) -> Self {
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
    pub(super) fn prepared(self, facts: &CiFacts) -> Self {
        self.checked_out().installed(facts)
    }

    /// Works as [`JobText::prepared`], and also fetches the parents of the commit.
    pub(super) fn prepared_with_parents(self, facts: &CiFacts) -> Self {
        let lines = "with:\n  fetch-depth: 2\n  persist-credentials: false";
        self.uses("Fetch the sources", "actions/checkout", lines).installed(facts)
    }

    fn installed(self, facts: &CiFacts) -> Self {
        match &facts.source {
            None => self,
            Some(ToolSource::Command(line)) => {
                self.step(&format!("- name: {INSTALL_STEP}\n  run: |\n    {line}"))
            }
            // Docker checks the index, the manifest and the layers against the digest, and takes the runner's platform.
            Some(ToolSource::Image(image)) => self.step(&format!(
                "- name: {INSTALL_STEP}
  env:
    TOOL: {image}
  run: |
    container=$(docker create \"$TOOL\")
    bin=${{CARGO_HOME:-$HOME/.cargo}}/bin
    mkdir -p \"$bin\"
    docker cp \"$container:/{PROGRAM}\" \"$bin/{PROGRAM}\"
    docker rm \"$container\" > /dev/null
    cargo xtask --version"
            )),
        }
    }

    /// Adds the steps that bring the release, and this program, from the jobs that made them.
    pub(super) fn unpacked(self, program: bool) -> Self {
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
