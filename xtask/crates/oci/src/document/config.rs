//! Image configuration (image-spec, `config.md`): how to run the image, and the digests of its unpacked
//! layers. Docker calls the digest of this document the image ID.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Layer;
use super::rfc3339;
use crate::Digest;
use xtask_triple::Platform;

/// The document of an image configuration: how to run the image, and its layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// The time at which the image was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The processor architecture that the programs need, in Go's spelling.
    pub architecture: String,
    /// The operating system that the programs need, in Go's spelling.
    pub os: String,
    /// The variant of the processor architecture, such as `v7` of `arm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// How an engine runs the image.
    #[serde(default, deserialize_with = "nullable")]
    pub config: Runtime,
    /// The digests of the uncompressed layers.
    pub rootfs: RootFsDiffs,
    /// The steps that made the image, in order.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
}

/// How to run an image. The names are those of Docker's first format, which the specification kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Runtime {
    /// `uid:gid` as numbers, so that no lookup is needed and Kubernetes can see that it is not root. Only
    /// `uid` if the user has further groups in `/etc/group`, which engines look up.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub user: String,
    /// The ports on which the program listens, as `8080/tcp`. They are written as the keys of an object.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", with = "keys")]
    pub exposed_ports: BTreeSet<String>,
    /// The environment variables as `NAME=value`, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub env: Vec<String>,
    /// The program and the arguments that every start of the image has.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub entrypoint: Vec<String>,
    /// The default arguments, which those of the user replace.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub cmd: Vec<String>,
    /// The folders for data that the program writes. They are written as the keys of an object.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", with = "keys")]
    pub volumes: BTreeSet<String>,
    /// The working directory of the program.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub working_dir: String,
    /// The labels of the image: free text by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
    pub labels: BTreeMap<String, String>,
    /// The signal that asks the program to end. None means SIGTERM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// The command that checks whether the program is healthy. The specification reserves the name for
    /// Docker, which reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Health>,
}

/// A health check, in Docker's terms. Times are in nanoseconds. If a value is none, the engine chooses it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Health {
    /// `CMD` and a program with its arguments.
    pub test: Vec<String>,
    /// The time from one check to the next, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<u64>,
    /// The time limit of a check, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// The time that the program has to become healthy, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_period: Option<u64>,
    /// The number of checks that must fail in a row before the program counts as unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
}

/// The uncompressed layers of an image, by their digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFsDiffs {
    /// The value `layers`, the only one in the specification.
    #[serde(rename = "type")]
    pub kind: String,
    /// The digests of the uncompressed tars, lowest layer first.
    #[serde(deserialize_with = "nullable")]
    pub diff_ids: Vec<Digest>,
}

/// An entry of the image's history: how a layer was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The time at which the step was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The command or the tool that made the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Whether this step made no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

impl ImageConfig {
    /// Makes the configuration of layers, lowest first, each with its text for the history. `created` is in
    /// seconds since 1970.
    pub fn new(platform: &Platform, runtime: Runtime, layers: &[(&Layer, &str)], created: u64) -> Self {
        let created = rfc3339(created);
        let history = |by: &str| History {
            created: Some(created.clone()),
            created_by: Some(by.to_owned()),
            empty_layer: false,
        };
        Self {
            architecture: platform.architecture.to_owned(),
            os: platform.os.to_owned(),
            variant: platform.variant.map(str::to_owned),
            config: runtime,
            rootfs: RootFsDiffs {
                kind: "layers".to_owned(),
                diff_ids: layers.iter().map(|(layer, _)| layer.diff_id.clone()).collect(),
            },
            history: layers.iter().map(|(_, by)| history(by)).collect(),
            created: Some(created),
        }
    }
}

/// Reads `null` as an empty value, because Go writes empty lists and maps as `null`.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A set that JSON represents as an object with empty objects as values.
mod keys {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(set: &BTreeSet<String>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(set.iter().map(|key| (key, BTreeMap::<String, String>::new())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeSet<String>, D::Error> {
        let map = Option::<BTreeMap<String, serde::de::IgnoredAny>>::deserialize(deserializer)?;
        Ok(map.unwrap_or_default().into_keys().collect())
    }
}
