//! The examples at the end of each command's help. A test parses every line, and they are part of docs/reference/commands.md.

pub(super) const ROOT: &str = "\
Examples:
  cargo xtask doctor             # what can be built here?
  cargo xtask plan               # what will be built?
  cargo xtask release --setup    # build everything into target/dist

Exit codes:
  0  done
  1  a build, a check or a test failed
  2  the command line or targets.toml is wrong
  3  something is missing on this machine";

pub(super) const DOCTOR: &str = "\
Examples:
  cargo xtask doctor
  cargo xtask doctor --target aarch64-unknown-linux-gnu --json";

pub(super) const SETUP: &str = "\
Examples:
  cargo xtask setup                               # for every target; asks first
  cargo xtask setup aarch64-unknown-linux-musl    # for one target
  cargo xtask setup --tests --yes                 # also for the tests; does not ask";

pub(super) const PLAN: &str = "\
Examples:
  cargo xtask plan
  cargo xtask plan --mode all
  cargo xtask plan --target x86_64-unknown-linux-musl --providers zig --json";

pub(super) const EXPLAIN: &str = "\
Examples:
  cargo xtask explain aarch64-unknown-linux-gnu
  cargo xtask explain x86_64-unknown-linux-musl --providers musl,zig";

pub(super) const ENV: &str = "\
Examples:
  cargo xtask env aarch64-unknown-linux-gnu                    # eval \"$(…)\" sets them in this shell
  cargo xtask env aarch64-unknown-linux-gnu --format direnv    # in .envrc
  cargo xtask env x86_64-unknown-linux-musl --mode native --json";

pub(super) const BUILD: &str = "\
Examples:
  cargo xtask build
  cargo xtask build --target x86_64-unknown-linux-musl --mode pure
  cargo xtask build --setup --strict";

pub(super) const VERIFY: &str = "\
Examples:
  cargo xtask verify
  cargo xtask verify --rebuild    # is the build reproducible?
  cargo xtask verify registry.example/team/app:1.2.3 --key key.pub
  cargo xtask verify registry.example/team/app:1.2.3 --key key.pub --rebuild --sign mine.pem";

pub(super) const IMAGE: &str = "\
Examples:
  cargo xtask image
  cargo xtask image --load                                # also into Docker or podman
  cargo xtask image --target x86_64-unknown-linux-musl    # for one platform";

pub(super) const PUBLISH: &str = "\
Examples:
  cargo xtask publish --to registry.example/team/app --dry-run
  cargo xtask publish --to registry.example/team/app --tag '{version}' --tag latest
  cargo xtask publish --key env:XTASK_SIGNING_KEY
  cargo xtask publish    # with [publish] in targets.toml";

pub(super) const RESOLVE: &str = "\
Examples:
  cargo xtask resolve k8s/app.yaml
  cargo xtask resolve --in-place compose.yaml
  cargo xtask resolve -    # from standard input";

pub(super) const BENCH: &str = "\
Examples:
  cargo xtask bench                      # goes on if it was interrupted
  cargo xtask bench --width 5% --limit 2h
  cargo xtask bench --cases rust,c       # after a change of a file
  cargo xtask bench --samples 3 --target x86_64-unknown-linux-musl
  cargo xtask bench --compare-rev origin/main --markdown
  cargo xtask bench --mode native --json";

pub(super) const TEST: &str = "\
Examples:
  cargo xtask test
  cargo xtask test --mode pure -- --nocapture    # arguments after -- go to the test programs
  cargo xtask test --sanitize address
  cargo xtask test --miri";

pub(super) const RELEASE: &str = "\
Examples:
  cargo xtask release
  cargo xtask release --setup --strict    # in CI
  cargo xtask release --target x86_64-unknown-linux-musl";

pub(super) const BASE: &str = "\
Examples:
  cargo xtask base list
  cargo xtask base update 13";

pub(super) const BASE_UPDATE: &str = "\
Examples:
  cargo xtask base update                  # what is locked already, and all tags
  cargo xtask base update 13 --arch all    # Debian 13 for every architecture";

pub(super) const BASE_PRUNE: &str = "\
Examples:
  cargo xtask base prune --dry-run
  cargo xtask base prune --older-than 7";

pub(super) const BASE_LIST: &str = "\
Examples:
  cargo xtask base list
  cargo xtask base list --json";

pub(super) const BASE_SHOW: &str = "\
Examples:
  cargo xtask base show distroless:cc
  cargo xtask base show distroless:static-debian12:debug --arch arm64 --files";

pub(super) const CONFORMANCE: &str = "\
Examples:
  cargo xtask conformance
  cargo xtask conformance b3sum ripgrep --json
  cargo xtask conformance b3sum --target x86_64-pc-windows-gnu
  cargo xtask conformance --page docs/reference/conformance.md
  cargo xtask conformance --targets --page docs/reference/targets.md";

pub(super) const CI: &str = "\
Examples:
  cargo xtask ci plan --machines 3
  cargo xtask ci shard x86_64-unknown-linux-musl
  cargo xtask ci merge
  cargo xtask ci rehearse --machines 2    # all of it on this machine
  cargo xtask ci init github";

pub(super) const CI_INIT: &str = "\
Examples:
  cargo xtask ci init github
  cargo xtask ci init github --check    # in CI: are the files those of targets.toml?
  cargo xtask ci init gitlab --install ci/install-xtask
  cargo xtask ci init github --config xtask/targets.toml    # the workflow of a second release";

pub(super) const CI_PLAN: &str = "\
Examples:
  cargo xtask ci plan
  cargo xtask ci plan --machines 3 --json
  cargo xtask ci plan --github    # as a matrix, by fromJson";

pub(super) const CI_MERGE: &str = "\
Examples:
  cargo xtask ci merge                          # all of target/shards
  cargo xtask ci merge fetched/one fetched/two
  cargo xtask ci merge fetched --key shards.pub --json";

pub(super) const CI_REHEARSE: &str = "\
Examples:
  cargo xtask ci rehearse
  cargo xtask ci rehearse --machines 4
  cargo xtask ci rehearse --kill --json";

pub(super) const CI_SHARD: &str = "\
Examples:
  cargo xtask ci shard aarch64-unknown-linux-musl
  cargo xtask ci shard --setup --strict x86_64-unknown-linux-gnu+x86_64-unknown-linux-musl
  cargo xtask ci shard x86_64-unknown-linux-musl --key env:XTASK_SHARD_KEY";

pub(super) const LOCK: &str = "\
Examples:
  cargo xtask lock             # write it, or add missing targets
  cargo xtask lock --update    # lock the toolchains of this machine";

pub(super) const SIZE: &str = "\
Examples:
  cargo xtask size
  cargo xtask size --image app --crates --top 20
  cargo xtask size --save                    # remember the sizes,
  cargo xtask size --against size.json       # or compare with those of another release
  cargo xtask size --against size.json --markdown    # for a comment";

pub(super) const INIT: &str = "\
Examples:
  cargo xtask init
  cargo xtask init --package server";
