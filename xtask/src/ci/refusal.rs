//! Why shards are not joined.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use super::inputs::InputDifference;
use super::shard::FILE_NAME;
use xtask_files::error::Error;
use xtask_oci::Digest;

/// A reason why shards are not joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeRefusal {
    /// There is no `shard.json`.
    Unfinished {
        /// The folder.
        dir: PathBuf,
    },
    /// `shard.json` cannot be used.
    Unreadable {
        /// The folder.
        dir: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There is no signature, and a key was given.
    Unsigned {
        /// The folder.
        dir: PathBuf,
    },
    /// The signature is not that of the given key.
    OtherSigner {
        /// The folder.
        dir: PathBuf,
        /// The hint of the given key.
        key: String,
    },
    /// A file is not as `shard.json` says.
    Damaged {
        /// The folder.
        dir: PathBuf,
        /// The name of the shard.
        id: String,
        /// The path of the file in it.
        file: String,
        /// What is wrong with it.
        damage: FileDamage,
    },
    /// Two shards have different inputs.
    Different {
        /// The folders.
        dirs: [PathBuf; 2],
        /// The input.
        difference: InputDifference,
    },
    /// A shard has other inputs than the checkout in which shards are joined.
    OtherCheckout {
        /// The folder.
        dir: PathBuf,
        /// The input; the second value is that of the checkout.
        difference: InputDifference,
    },
    /// A target is in two shards.
    Doubled {
        /// The target.
        target: String,
        /// The folders.
        dirs: [PathBuf; 2],
    },
    /// A shard has a target that is no part of the release.
    NotAskedFor {
        /// The folder.
        dir: PathBuf,
        /// The target.
        target: String,
    },
    /// No shard has a target.
    Missing {
        /// The target.
        target: String,
        /// The name of the shard that has it where each target is a shard.
        shard: String,
    },
    /// Two shards have different files at the same path.
    Conflict {
        /// The path.
        file: String,
        /// The folders.
        dirs: [PathBuf; 2],
    },
    /// The parts of an image do not fit together.
    Image {
        /// The image.
        image: String,
        /// What differs.
        why: String,
    },
}

/// What is wrong with a file of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileDamage {
    /// It does not exist.
    Missing,
    /// A folder, a link or something else is in its place.
    NoFile,
    /// It has fewer bytes than listed.
    Short {
        /// The number of bytes that it has.
        has: u64,
        /// The listed number.
        of: u64,
    },
    /// It has another digest than listed.
    OtherBytes {
        /// The digest that it has.
        has: Digest,
        /// The listed digest.
        listed: Digest,
    },
    /// It cannot be read.
    Unreadable(String),
}

impl fmt::Display for FileDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is missing"),
            Self::NoFile => f.write_str("it is not a regular file"),
            Self::Short { has, of } => write!(f, "it is cut off: {has} of {of} bytes"),
            Self::OtherBytes { has, listed } => write!(f, "its digest is {has}, listed is {listed}"),
            Self::Unreadable(why) => write!(f, "cannot read it: {why}"),
        }
    }
}

impl fmt::Display for MergeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished { dir } => write!(
                f,
                "{}: it is not finished: it has no {FILE_NAME}, which is written last",
                dir.display()
            ),
            Self::Unreadable { dir, why } => write!(f, "{}: {why}", dir.display()),
            Self::Unsigned { dir } => write!(f, "{}: it is not signed", dir.display()),
            Self::OtherSigner { dir, key } => {
                write!(f, "{}: its signature is not by the key with the hint {key}", dir.display())
            }
            Self::Damaged { dir, file, damage, .. } => write!(f, "{}: {file}: {damage}", dir.display()),
            Self::Different { dirs: [one, other], difference } => {
                let [first, second] = values(difference);
                let name = &difference.name;
                write!(f, "{name} differs: {} has {first}, {} has {second}", one.display(), other.display())
            }
            Self::OtherCheckout { dir, difference } => {
                let [shard, checkout] = values(difference);
                let name = &difference.name;
                write!(f, "{name} differs: {} has {shard}, this checkout has {checkout}", dir.display())
            }
            Self::Doubled { target, dirs: [one, other] } => {
                write!(f, "{target} is in two shards: {} and {}", one.display(), other.display())
            }
            Self::NotAskedFor { dir, target } => {
                write!(f, "{}: its target {target} is no part of the release", dir.display())
            }
            Self::Missing { target, .. } => write!(f, "no shard has the target {target}"),
            Self::Conflict { file, dirs: [one, other] } => {
                write!(f, "{file} differs: {} and {} have other bytes", one.display(), other.display())
            }
            Self::Image { image, why } => write!(f, "image {image}: {why}"),
        }
    }
}

fn values(difference: &InputDifference) -> [&str; 2] {
    difference.values.each_ref().map(|value| value.as_deref().unwrap_or("none"))
}

impl MergeRefusal {
    /// Returns what to do about it.
    fn help(&self) -> String {
        let again = |name: &str| {
            format!(
                "make it again, or fetch it again from the machine that made it: cargo xtask ci shard {name}"
            )
        };
        match self {
            // The folder has the name of the shard, unless it was renamed or the name is very long.
            Self::Unfinished { dir } | Self::Unreadable { dir, .. } => {
                again(&dir.file_name().unwrap_or_default().to_string_lossy())
            }
            Self::Damaged { id, .. } => again(id),
            Self::Unsigned { .. } => "sign it where it is made: cargo xtask ci shard ID --key KEY".to_owned(),
            Self::OtherSigner { .. } => {
                "find out who made it; --key is the public key of the machines that make shards".to_owned()
            }
            Self::Different { .. } | Self::Conflict { .. } | Self::Image { .. } => {
                "make all shards from one commit, with the same options, and with one toolchains.lock"
                    .to_owned()
            }
            Self::OtherCheckout { .. } => "join shards in a checkout of the commit that made them".to_owned(),
            Self::Doubled { .. } => "leave out one of them".to_owned(),
            Self::NotAskedFor { .. } => {
                "name the targets of the release as for `ci plan`: cargo xtask ci merge --target TRIPLE"
                    .to_owned()
            }
            Self::Missing { shard, .. } => format!("make it: cargo xtask ci shard {shard}"),
        }
    }

    /// Returns the error of a run that joins nothing.
    pub fn error(refusals: &[Self]) -> Error {
        let count = refusals.len();
        let what = match count {
            1 => "the shards are not joined, for one reason".to_owned(),
            _ => format!("the shards are not joined, for {count} reasons"),
        };
        let error =
            refusals.iter().fold(Error::failed(what), |error, refusal| error.found(refusal.to_string()));
        let helps: BTreeSet<String> = refusals.iter().map(Self::help).collect();
        helps.into_iter().fold(error, Error::help)
    }
}
