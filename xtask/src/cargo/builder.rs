//! The values from which every cargo call of a run is made: the program, the folders, and the context that
//! the calls share.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::cohort::Cohort;
use super::invocation::{CargoContext, CargoGoal};
use xtask_config::App;
use xtask_process::ui::Ui;
use xtask_report::timing::StageClock;

/// The values that a build needs in addition to the plan.
#[derive(Debug, Clone)]
pub struct Builder<'a> {
    /// The program to build.
    pub app: &'a App,
    /// The context that all cargo calls share.
    pub site: CargoContext<'a>,
    /// The folder for build folders and traps: `target/xtask`.
    pub work: PathBuf,
    /// The path of this program.
    pub this: &'a Path,
    /// The printer that shows progress and warnings.
    pub ui: &'a Ui,
    /// The C compilers that targets.toml names, which traps replace in a pure build whatever their names are.
    pub compilers: BTreeSet<PathBuf>,
    /// How long each stage of the run takes.
    pub stages: &'a StageClock,
}

impl Builder<'_> {
    /// Returns the build folder of a cohort.
    pub fn dir(&self, cohort: &Cohort) -> PathBuf {
        self.work.join("build").join(cohort.key.folder())
    }

    /// Returns the goal of the cargo call: the program of the app.
    pub fn what(&self) -> CargoGoal {
        CargoGoal::Bin { package: self.app.package.clone(), bin: self.app.bin.clone() }
    }
}
