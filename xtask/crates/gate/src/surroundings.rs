//! The environment variables and the working folder of an image's processes, as dynamic loaders use them.

/// The part of an image's configuration that changes where loaders search. Loaders ignore it for set-uid
/// programs, but images do not start such programs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LoaderEnvironment {
    library_path: String,
    preload: String,
    folder: String,
}

impl LoaderEnvironment {
    /// Makes it from `NAME=value` entries and the folder in which processes start. An empty folder means `/`.
    pub(super) fn of(env: &[String], folder: &str) -> Self {
        let value = |name: &str| {
            let mut named = env.iter().rev().filter_map(|entry| entry.split_once('='));
            named.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        Self {
            library_path: value("LD_LIBRARY_PATH"),
            preload: value("LD_PRELOAD"),
            folder: format!("/{}", folder.trim_matches('/')),
        }
    }

    /// Returns the unchanged value of `LD_LIBRARY_PATH`.
    pub(super) fn library_path(&self) -> &str {
        &self.library_path
    }

    /// Returns the libraries in `LD_PRELOAD`. glibc's loader and musl's split it at the same characters,
    /// except rarer white space that only musl knows.
    pub(super) fn preload(&self) -> impl Iterator<Item = &str> {
        self.preload.split([' ', ':', '\t', '\n']).filter(|name| !name.is_empty())
    }

    /// Returns a path as a process in the image's folder resolves it.
    pub(super) fn absolute(&self, path: &str) -> String {
        match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("{}/{path}", self.folder.trim_end_matches('/')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_image_says_last_counts() {
        let env = ["LD_LIBRARY_PATH=/a", "LD_PRELOAD=x.so /y.so:", "LD_LIBRARY_PATH=/b", "NOEQ"];
        let all = LoaderEnvironment::of(&env.map(str::to_owned), "/srv/");
        assert_eq!(all.library_path(), "/b");
        assert_eq!(all.preload().collect::<Vec<_>>(), ["x.so", "/y.so"]);
        assert_eq!([all.absolute("lib"), all.absolute("/lib")], ["/srv/lib", "/lib"]);
        assert_eq!(LoaderEnvironment::default().absolute("lib"), "/lib");
        assert_eq!(LoaderEnvironment::of(&[], "").absolute(""), "/");
    }
}
