//! The tools of build scripts that the jobs of a plan lack on this machine. The build goes on without them,
//! because a build script may need a tool only sometimes.

use serde::Serialize;
use xtask_files::counted;

/// A tool that is not on this machine, with the jobs whose build scripts use it or may need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingTool {
    /// The name of the tool.
    pub tool: &'static str,
    /// Whether the unit graph shows the use. If it is not known yet, Cargo.lock shows only that a package
    /// which uses the tool may be part of the build.
    pub certain: bool,
    /// The packages that use it, each with the build dependency that shows this: `libz-ng-sys (cmake)`.
    pub by: Vec<String>,
    /// The jobs, in the plan's order.
    pub jobs: Vec<ToolJob>,
    /// The command that installs it.
    pub help: String,
}

/// A job that needs a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolJob {
    /// The triple of the job's target.
    pub target: String,
    /// The name of the job's mode.
    pub mode: String,
}

/// The number of jobs that a text names. The others are counted.
const NAMED_JOBS: usize = 4;

impl MissingTool {
    /// Adds a need to those that are known. Jobs with the same need share one entry.
    pub fn add(self, all: &mut Vec<Self>) {
        let same = |it: &&mut Self| (it.tool, it.certain, &it.by) == (self.tool, self.certain, &self.by);
        match all.iter_mut().find(same) {
            Some(known) => known.jobs.extend(self.jobs),
            None => all.push(self),
        }
    }

    /// Returns the lines for the terminal: what is missing, for which jobs, and how to install it.
    pub fn text(&self) -> String {
        let verb = if self.certain { "use" } else { "may need" };
        let named = self.jobs.iter().take(NAMED_JOBS);
        let mut jobs: Vec<String> = named.map(|job| format!("{} for {}", job.mode, job.target)).collect();
        if let Some(more) = self.jobs.len().checked_sub(NAMED_JOBS).filter(|more| *more > 0) {
            jobs.push(counted(more as u64, "other job"));
        }
        format!(
            "{} is not on this machine, and build scripts {verb} it: {}\n  jobs: {}\n  help: {}",
            self.tool,
            self.by.join(", "),
            jobs.join(", "),
            self.help
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_with_the_same_need_share_an_entry() {
        let mut all = Vec::new();
        let mut add = |target: &str, certain| {
            let jobs = vec![ToolJob { target: target.into(), mode: "native".into() }];
            let by = vec!["z (cmake)".into()];
            MissingTool { tool: "cmake", certain, by, jobs, help: "install it".into() }.add(&mut all);
        };
        for target in ["a", "b", "c", "d", "e", "f"] {
            add(target, false);
        }
        add("g", true);
        let texts: Vec<String> = all.iter().map(MissingTool::text).collect();
        assert_eq!(
            texts,
            [
                "cmake is not on this machine, and build scripts may need it: z (cmake)\n  \
                 jobs: native for a, native for b, native for c, native for d, 2 other jobs\n  help: install it",
                "cmake is not on this machine, and build scripts use it: z (cmake)\n  \
                 jobs: native for g\n  help: install it",
            ]
        );
    }
}
