//! Reads workflows of GitHub Actions, as [`crate::ci::init`] writes them, into jobs and steps that can be started. A key that is
//! not known here is refused, because it could change what a step does. Pure.

pub mod yaml;

use std::collections::BTreeMap;

use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;
use yaml::{YamlNode, YamlValue};

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// The name of the file, for messages.
    pub file: String,
    /// What its token may do, where a job does not say it.
    pub permissions: BTreeMap<String, String>,
    /// The jobs, in the file's order.
    pub jobs: Vec<WorkflowJob>,
}

/// A job: steps that one machine takes in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowJob {
    /// The key of the job.
    pub id: String,
    /// The jobs that must have succeeded.
    pub needs: Vec<String>,
    /// The condition on which the job runs, as an expression.
    pub condition: Option<String>,
    /// The label of the machine; may contain expressions.
    pub runs_on: String,
    /// The expression that gives the matrix, if the job runs several times.
    pub matrix: Option<String>,
    /// What its token may do; none if the workflow says it.
    pub permissions: Option<BTreeMap<String, String>>,
    /// Its outputs, as expressions.
    pub outputs: BTreeMap<String, String>,
    /// The steps, in their order.
    pub steps: Vec<WorkflowStep>,
}

/// A step of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowStep {
    /// The line of the file on which the step begins.
    pub line: usize,
    /// The name, or none.
    pub name: Option<String>,
    /// The name for expressions, or none.
    pub id: Option<String>,
    /// The condition on which the step runs, as an expression.
    pub condition: Option<String>,
    /// The variables of the step; may contain expressions.
    pub env: BTreeMap<String, String>,
    /// What the step does.
    pub action: StepAction,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepAction {
    /// It runs a script of bash.
    Run(String),
    /// It runs an action.
    Uses {
        /// The action with the commit that is used: `actions/checkout@<40 digits>`.
        action: String,
        /// The inputs; may contain expressions.
        with: BTreeMap<String, String>,
    },
}

/// The mark with which an expression begins.
const BEGIN: &str = "${{";
const END: &str = "}}";

/// Reads a workflow. `file` is its name in messages.
///
/// # Errors
/// The file is not in the part of YAML that is read, lacks something, or has a key that is not known.
pub fn read(file: &str, text: &str) -> Result<Workflow> {
    let value = yaml::read(file, text)?;
    let reader = WorkflowReader { file };
    let keys = ["name", "on", "permissions", "concurrency", "defaults", "jobs"];
    reader.only(&value, &keys)?;
    reader.shell(reader.wanted(&value, "defaults")?)?;
    let jobs = reader.wanted(&value, "jobs")?;
    Ok(Workflow {
        file: file.to_owned(),
        permissions: reader.texts(Some(reader.wanted(&value, "permissions")?))?,
        jobs: reader.entries(jobs)?.iter().map(|(id, job)| reader.job(id, job)).collect::<Result<_>>()?,
    })
}

struct WorkflowReader<'f> {
    file: &'f str,
}

impl WorkflowReader<'_> {
    fn refuse(&self, value: &YamlValue, why: impl std::fmt::Display) -> Error {
        Error::usage(format!("{}:{}: {why}", self.file, value.line))
    }

    fn job(&self, id: &str, job: &YamlValue) -> Result<WorkflowJob> {
        let keys = [
            "name",
            "needs",
            "if",
            "runs-on",
            "timeout-minutes",
            "environment",
            "permissions",
            "strategy",
            "outputs",
            "steps",
        ];
        self.only(job, &keys)?;
        let strategy = job.get("strategy");
        let matrix = match strategy {
            None => None,
            Some(strategy) => {
                self.only(strategy, &["fail-fast", "matrix"])?;
                Some(self.text(self.wanted(strategy, "matrix")?)?)
            }
        };
        let needs = match job.get("needs").map(|needs| (needs, &needs.node)) {
            None => Vec::new(),
            Some((_, YamlNode::List(items))) => {
                items.iter().map(|item| self.text(item)).collect::<Result<_>>()?
            }
            Some((needs, _)) => vec![self.text(needs)?],
        };
        let steps = self.wanted(job, "steps")?;
        let steps = steps.items().ok_or_else(|| self.refuse(steps, "a list was expected"))?;
        Ok(WorkflowJob {
            id: id.to_owned(),
            needs,
            condition: self.optional(job, "if")?,
            runs_on: self.text(self.wanted(job, "runs-on")?)?,
            matrix,
            permissions: job.get("permissions").map(|value| self.texts(Some(value))).transpose()?,
            outputs: self.texts(job.get("outputs"))?,
            steps: steps.iter().map(|step| self.step(step)).collect::<Result<_>>()?,
        })
    }

    fn step(&self, step: &YamlValue) -> Result<WorkflowStep> {
        self.only(step, &["name", "id", "if", "uses", "with", "env", "run"])?;
        let action = match (step.get("run"), step.get("uses")) {
            (Some(run), None) => {
                if let Some(with) = step.get("with") {
                    return Err(self.refuse(with, "`with` is for `uses`"));
                }
                let script = self.text(run)?;
                // A runner inserts the value into the script, where it may be a command.
                if script.contains(BEGIN) {
                    return Err(self
                        .refuse(run, "an expression in a script is inserted as a part of the script")
                        .help("pass it in a variable of `env`"));
                }
                StepAction::Run(script)
            }
            (None, Some(uses)) => {
                let action = self.text(uses)?;
                if !is_pinned(&action) {
                    return Err(self.refuse(uses, format!("`{action}` is not pinned by a commit")));
                }
                StepAction::Uses { action, with: self.texts(step.get("with"))? }
            }
            _ => return Err(self.refuse(step, "a step has either `run` or `uses`")),
        };
        Ok(WorkflowStep {
            line: step.line,
            name: self.optional(step, "name")?,
            id: self.optional(step, "id")?,
            condition: self.optional(step, "if")?,
            env: self.texts(step.get("env"))?,
            action,
        })
    }

    /// Checks that scripts are run by bash, which ends at the first error.
    fn shell(&self, defaults: &YamlValue) -> Result<()> {
        self.only(defaults, &["run"])?;
        let run = self.wanted(defaults, "run")?;
        self.only(run, &["shell"])?;
        let shell = self.wanted(run, "shell")?;
        match shell.text() {
            Some("bash") => Ok(()),
            _ => Err(self.refuse(shell, "the shell is not bash")),
        }
    }

    /// Checks that a mapping has no other keys.
    fn only(&self, value: &YamlValue, keys: &[&str]) -> Result<()> {
        match self.entries(value)?.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
            None => Ok(()),
            Some((key, value)) => {
                Err(self.refuse(value, format!("the key `{key}` is not known; known: {}", keys.join(", "))))
            }
        }
    }

    fn entries<'v>(&self, value: &'v YamlValue) -> Result<&'v [(String, YamlValue)]> {
        value.entries().ok_or_else(|| self.refuse(value, "keys with values were expected"))
    }

    fn wanted<'v>(&self, value: &'v YamlValue, key: &str) -> Result<&'v YamlValue> {
        value.get(key).ok_or_else(|| self.refuse(value, format!("the key `{key}` is missing")))
    }

    fn text(&self, value: &YamlValue) -> Result<String> {
        value.text().map(str::to_owned).ok_or_else(|| self.refuse(value, "a text was expected"))
    }

    fn optional(&self, value: &YamlValue, key: &str) -> Result<Option<String>> {
        value.get(key).map(|value| self.text(value)).transpose()
    }

    /// Reads a mapping of texts; none is an empty one.
    fn texts(&self, value: Option<&YamlValue>) -> Result<BTreeMap<String, String>> {
        let Some(value) = value else { return Ok(BTreeMap::new()) };
        self.entries(value)?.iter().map(|(key, value)| Ok((key.clone(), self.text(value)?))).collect()
    }
}

fn is_pinned(action: &str) -> bool {
    let commit = action.split_once('@').map(|(_, commit)| commit);
    commit.is_some_and(|commit| {
        commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

impl Workflow {
    /// Returns the job of this key.
    pub fn job(&self, id: &str) -> Option<&WorkflowJob> {
        self.jobs.iter().find(|job| job.id == id)
    }
}

impl WorkflowStep {
    /// Returns the name of the step for messages.
    pub fn title(&self) -> String {
        match (&self.name, &self.action) {
            (Some(name), _) => name.clone(),
            (None, StepAction::Run(script)) => script.lines().next().unwrap_or_default().to_owned(),
            (None, StepAction::Uses { action, .. }) => action.clone(),
        }
    }

    /// Returns the command that a runner starts for a script, with the variables of the step. Returns none for an action.
    /// `value` gives the values of expressions: `matrix.id`, `github.actor`.
    ///
    /// # Errors
    /// An expression has no value.
    pub fn command(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<Option<Cmd>> {
        let StepAction::Run(script) = &self.action else { return Ok(None) };
        let cmd = Cmd::new("bash").args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]);
        let set = |cmd: Cmd, (name, text): (&String, &String)| Ok(cmd.env(name, filled(text, value)?));
        self.env.iter().try_fold(cmd, set).map(Some)
    }
}

/// Returns a text with the values of its expressions.
///
/// # Errors
/// An expression has no value, or is not closed.
pub fn filled(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let Some((expression, after)) = after.split_once(END) else {
            return Err(Error::usage(format!("the expression in `{text}` is not closed")));
        };
        let expression = expression.trim();
        let Some(value) = value(expression) else {
            return Err(Error::usage(format!("the expression `{expression}` has no value here")));
        };
        out += before;
        out += &value;
        rest = after;
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HEAD: &str = "name: x\non:\n  push: {}\npermissions:\n  contents: read\ndefaults:\n  run:\n    shell: bash\njobs:\n";

    fn of(jobs: &str) -> Result<Workflow> {
        read("x.yml", &format!("{HEAD}{jobs}"))
    }

    const JOB: &str = "  one:\n    runs-on: ubuntu-24.04\n    steps:\n";

    #[test]
    fn the_steps_of_a_file_can_be_started() {
        let steps = "      - name: Say\n        id: say\n        env:\n          WHO: you, ${{ github.actor }}!\n        \
                     run: |\n          echo \"$WHO\" | cat\n          false | cat\n          echo unreachable\n      \
                     - uses: a/b@0123456789012345678901234567890123456789\n        with:\n          path: x\n";
        let workflow = of(&format!("{JOB}{steps}")).unwrap();
        assert_eq!(workflow.permissions["contents"], "read");
        let job = workflow.job("one").unwrap();
        assert_eq!((job.steps[0].line, job.steps[0].title().as_str()), (13, "Say"));
        let none = job.steps[0].command(&|_| None).unwrap_err().to_string();
        assert!(none.contains("`github.actor` has no value here"), "{none}");
        let value = |name: &str| (name == "github.actor").then(|| "$(x) ::".to_owned());
        let cmd = job.steps[0].command(&value).unwrap().unwrap();
        let output = cmd.capture(Duration::from_secs(60)).unwrap();
        // As on a runner: the script ends with the command that fails, and a value is not a part of the script.
        assert_eq!((output.text().as_str(), output.ok()), ("you, $(x) ::!", false));
        assert_eq!(job.steps[1].command(&value).unwrap(), None);
        assert!(matches!(&job.steps[1].action, StepAction::Uses { with, .. } if with["path"] == "x"));
    }

    #[test]
    fn what_could_mean_something_else_is_refused() {
        let pinned = "a/b@0123456789012345678901234567890123456789";
        for (steps, words) in [
            ("      - run: echo ${{ github.ref }}\n", "x.yml:13: an expression in a script"),
            ("      - uses: a/b@v4\n", "x.yml:13: `a/b@v4` is not pinned"),
            ("      - name: nothing\n", "x.yml:13: a step has either"),
            (&format!("      - uses: {pinned}\n        run: x\n"), "x.yml:13: a step has either"),
            ("      - run: x\n        shell: sh\n", "x.yml:14: the key `shell` is not known"),
            ("      - run: x\n        with:\n          a: b\n", "x.yml:15: `with` is for `uses`"),
            (
                "      - run: x\n        env:\n          a:\n            - b\n",
                "x.yml:16: a text was expected",
            ),
        ] {
            let error = of(&format!("{JOB}{steps}")).unwrap_err().to_string();
            assert!(error.starts_with(words), "{steps}{error}");
        }
        let no_shell = HEAD.replace("bash", "sh") + JOB + "      - run: x\n";
        assert!(read("x.yml", &no_shell).unwrap_err().what.contains("the shell is not bash"));
        let other = of(&format!("{JOB}      - run: x\n    container: y\n")).unwrap_err().to_string();
        assert!(other.contains("the key `container` is not known"), "{other}");
        assert!(filled("${{ a", &|_| None).unwrap_err().what.contains("is not closed"));
    }
}
