//! `ci`: a release that several machines make is the one that a single machine makes, and parts that do not fit are refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use xtask_test_support::process::{Finished, run};
use xtask_test_support::skip::have;
use xtask_test_support::{folder, need};

use crate::machine::{self, ARM, ARM_MUSL, HOST, HOST_MUSL};
use crate::signed::key;
use crate::sources;
use crate::space::{Space, XTASK};

/// A project in git, whose image has its platforms in different shards.
fn project(targets: &[(&str, &str)]) -> Space {
    let space = Space::bare();
    space.targets(targets);
    space.image("app", &[HOST_MUSL, ARM_MUSL]);
    space.image("packed", &[ARM_MUSL, HOST_MUSL]);
    space.write("targets.toml", &(space.read("targets.toml") + "compression = \"zstd\"\n"));
    space.write(".gitignore", "/target\n");
    run(&space.cmd("git").args(["init", "--quiet"]));
    commit(&space);
    space
}

fn commit(space: &Space) {
    // Cargo drops from the lock what this workspace does not need.
    run(&space.cmd("cargo").args(["metadata", "--format-version=1", "--offline", "--quiet"]));
    space.commit();
}

/// Runs the program under a umask.
fn under(space: &Space, umask: &str, args: &[&str]) -> Finished {
    let script = format!("umask {umask}; exec \"$@\"");
    Space::finish(&space.cmd("sh").args(["-c", &script, "sh", XTASK]).args(args))
}

fn shard(space: &Space, id: &str) -> PathBuf {
    space.path("target/shards").join(id)
}

/// Everything in target/dist whose bytes do not depend on the machine, by its path.
fn dist(space: &Space) -> BTreeMap<String, Vec<u8>> {
    let mut files = folder::files(&space.path("target/dist"));
    let times = ["report.json", "report.md", "report.html", "timings.json"];
    files.retain(|name, _| !times.contains(&name.as_str()) && !name.starts_with('.'));
    files
}

/// The report without durations.
fn report(space: &Space) -> Value {
    let mut report = space.report();
    for job in report["jobs"].as_array_mut().unwrap() {
        job["seconds"] = Value::Null;
    }
    report
}

fn copied(from: &Path, to: &Path) {
    run(&xtask_process::exec::Cmd::new("cp").arg("-a").arg(from).arg(to));
}

fn merge(space: &Space, dirs: &[&Path]) -> Finished {
    merge_with(space, dirs, &[])
}

fn merge_with(space: &Space, dirs: &[&Path], more: &[&str]) -> Finished {
    let dirs: Vec<&str> = dirs.iter().map(|dir| dir.to_str().unwrap()).collect();
    space.run(&[&["ci", "merge"], &dirs[..], more].concat())
}

#[test]
fn a_release_of_four_machines_is_that_of_one() {
    need!(
        "shards::joined",
        machine::std_for(&[HOST_MUSL, ARM, ARM_MUSL]),
        machine::programs(&["git", "cc", "aarch64-linux-gnu-gcc", "sha256sum"])
    );
    let pure = "mode = \"pure\"";
    let project = project(&[(HOST, ""), (HOST_MUSL, pure), (ARM, pure), (ARM_MUSL, pure)]);
    let whole = project.cloned("whole");
    let args = ["release", "--providers", "host,gnu"];
    under(&whole, "022", &args).ended(0);

    // The plan is the same everywhere, and its names are all that a machine needs.
    let plan = project.run(&["ci", "plan", "--json"]).ended(0).json();
    let ids: Vec<&str> =
        plan["shards"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [HOST, HOST_MUSL, ARM, ARM_MUSL]);
    let machine = |name: &str, zone: &str| {
        let mut space = project.cloned(name);
        space.set("TZ", zone);
        let home = space.path("../cargo-home");
        std::fs::create_dir(&home).unwrap();
        space.set("CARGO_HOME", home);
        space
    };
    let machines = [
        ("one", "Asia/Tokyo", "077"),
        ("far/away/two", "America/St_Johns", "002"),
        ("three", "Pacific/Chatham", "027"),
        ("f", "UTC", "022"),
    ];
    let made = machines.into_iter().zip(&ids).map(|((name, zone, umask), id)| {
        let space = machine(name, zone);
        let made = under(&space, umask, &["ci", "shard", id, "--providers", "host,gnu"]).ended(0);
        // What the other machines make is not left out.
        made.says(&["Finished shard"]).never_says(&["leaves out", "is not made"]);
        assert!(!space.path("target/dist").exists());
        space
    });
    let made: Vec<Space> = made.collect();
    let joining = machine("joining", "Etc/GMT+12");
    let shards: Vec<PathBuf> = made.iter().zip(&ids).map(|(space, id)| shard(space, id)).collect();
    let shuffled: Vec<&Path> = [2, 0, 3, 1].map(|at: usize| shards[at].as_path()).into();
    merge(&joining, &shuffled).ended(0).says(&["Joined app 1.2.3 from 4 shards"]);

    let (expected, found) = (dist(&whole), dist(&joining));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected));
    for (name, bytes) in &expected {
        assert!(found[name] == *bytes, "{name} differs");
    }
    for name in
        ["SHA256SUMS", "images/app.tar", "images/packed.tar", "provenance/app/index.slsa.json", "size.json"]
    {
        assert!(expected.contains_key(name), "{name}");
    }
    assert_eq!(report(&joining), report(&whole));
    let timed = |space: &Space| {
        let timings: Value = serde_json::from_str(&space.read("target/dist/timings.json")).unwrap();
        let cases = timings["cases"].as_array().unwrap().clone();
        cases.into_iter().map(|case| case["target"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(timed(&joining), timed(&whole));

    // Everything that reads a release reads this one.
    let check = joining.cmd("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]);
    Space::finish(&check.cwd(joining.path("target/dist"))).ended(0);
    joining.run(&["publish", "--to", "registry.example/{image}", "--dry-run"]).ended(0);
    joining.run(&["size"]).ended(0);
    // The timings of the release balance the next one.
    let plan = joining.run(&["ci", "plan", "--json"]).ended(0).json();
    assert!(plan["shards"][0]["seconds"].as_f64().is_some(), "{plan:#}");
}

#[test]
fn parts_that_are_no_release_are_refused() {
    need!("shards::refused", machine::std_for(&[HOST_MUSL, ARM_MUSL]), machine::programs(&["git"]));
    let project = project(&[(HOST_MUSL, ""), (ARM_MUSL, "")]);
    let make = |space: &Space, id: &str| space.run(&["ci", "shard", id, "--mode", "pure"]);
    let [one, two] = ["one", "two"].map(|name| project.cloned(name));
    make(&one, HOST_MUSL).ended(0);
    make(&two, ARM_MUSL).ended(0);
    let (amd64, arm64) = (shard(&one, HOST_MUSL), shard(&two, ARM_MUSL));
    merge(&one, &[&amd64, &arm64]).ended(0);
    let good = dist(&one);
    let refused = |dirs: &[&Path], words: &[&str]| {
        merge(&one, dirs).ended(1).says(&["the shards are not joined"]).says(words);
        assert!(dist(&one) == good, "a refused merge changes nothing");
    };
    let spoiled = |name: &str| {
        let copy = one.path("../spoiled").join(name).join(ARM_MUSL);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        copied(&arm64, &copy);
        copy
    };

    // A shard is lost: its folder, or one that was named.
    let help = format!("cargo xtask ci shard {ARM_MUSL}");
    refused(&[&amd64], &[&format!("no shard has the target {ARM_MUSL}"), &help]);
    merge(&one, &[&amd64, Path::new("lost")]).ended(3).says(&["there is no folder lost"]);

    // It was killed, or its last file did not arrive.
    let copy = spoiled("unfinished");
    std::fs::remove_file(copy.join("shard.json")).unwrap();
    refused(&[&amd64, &copy], &["it is not finished", "shard.json, which is written last", &help]);

    // A file was cut off, changed, or is gone. All of it is said at once.
    let copy = spoiled("damaged");
    let blob = std::fs::read_dir(copy.join("oci/blobs/sha256")).unwrap().next().unwrap().unwrap().path();
    let size = std::fs::metadata(&blob).unwrap().len();
    std::fs::File::options().write(true).open(&blob).unwrap().set_len(size - 1).unwrap();
    let program = copy.join(format!("bin/{ARM_MUSL}/pure/app"));
    let mut bytes = std::fs::read(&program).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&program, bytes).unwrap();
    std::fs::remove_file(copy.join("report.json")).unwrap();
    let cut = format!("it is cut off: {} of {size} bytes", size - 1);
    refused(
        &[&amd64, &copy],
        &[&cut, &help, "app: its digest is sha256:", "report.json: it is missing", "for 3 reasons"],
    );

    // One target was made twice.
    let copy = spoiled("twice");
    refused(&[&amd64, &arm64, &copy], &[&format!("{ARM_MUSL} is in two shards"), "leave out one of them"]);

    // The clock of a machine is wrong by a day, in either direction: nothing of a release depends on it.
    for (name, days) in [("early", -1_i64), ("late", 1)] {
        let copy = spoiled(name);
        let day = Duration::from_secs(86_400);
        let time = if days < 0 { SystemTime::now() - day } else { SystemTime::now() + day };
        for file in folder::files(&copy).keys() {
            std::fs::File::options().write(true).open(copy.join(file)).unwrap().set_modified(time).unwrap();
        }
        merge(&one, &[&amd64, &copy]).ended(0);
        assert!(dist(&one) == good, "{name}");
    }
    // Folders below a folder are shards, as fetched artifacts lie.
    let fetched = one.path("../fetched");
    std::fs::create_dir(&fetched).unwrap();
    copied(&amd64, &fetched.join("a"));
    copied(&arm64, &fetched.join("b"));
    merge(&one, &[&fetched]).ended(0);

    // Another lock of toolchains, other settings, another version: each is named.
    two.write("toolchains.lock", "schema = 1\n");
    make(&two, ARM_MUSL).ended(0);
    refused(&[&amd64, &arm64], &["toolchains.lock differs", "has none", "sources differs"]);
    std::fs::remove_file(two.path("toolchains.lock")).unwrap();
    two.run(&["ci", "shard", ARM_MUSL, "--providers", "none"]).ended(0);
    refused(&[&amd64, &arm64], &["--mode differs", "has pure", "has targets.toml", "--providers differs"]);
    two.replace("app/Cargo.toml", "version = \"1.2.3\"", "version = \"1.2.4\"");
    commit(&two);
    make(&two, ARM_MUSL).ended(0);
    refused(
        &[&amd64, &arm64],
        &["version differs", "1.2.3", "1.2.4", "commit differs", "Cargo.lock differs"],
    );
    // Nor is it joined in a checkout of another commit.
    merge(&two, &[&amd64])
        .ended(1)
        .says(&["this checkout has 1.2.4", "a checkout of the commit that made them"]);

    one.run(&["ci", "shard", "x86_64-unknown-linux-mus"]).ended(2).says(&[
        "there is no shard",
        HOST_MUSL,
        ARM_MUSL,
    ]);
    one.run(&["ci", "plan", "--target", HOST]).ended(2).says(&["only targets of this file"]);
}

#[test]
fn a_shard_that_is_killed_is_no_shard_and_can_be_made_again() {
    need!("shards::killed", machine::std_for(&[HOST_MUSL, ARM_MUSL]), machine::programs(&["git"]));
    let project = project(&[(HOST_MUSL, ""), (ARM_MUSL, "")]);
    let dir = shard(&project, HOST_MUSL);
    let make = ["ci", "shard", HOST_MUSL, "--mode", "pure"];
    project.run(&make).ended(0);
    let files = || {
        let mut files = folder::files(&dir);
        // They have durations.
        files
            .retain(|name, _| !name.starts_with("report.") && name != "timings.json" && name != "shard.json");
        files
    };
    let made = files();
    // In the middle of it: the program is there, and the document of the earlier run is not.
    let script = format!(
        "\"$@\" & pid=$!\n\
         while kill -0 $pid; do if [ -e target/shards/{HOST_MUSL}/oci/oci-layout ]; then break; fi; done\n\
         kill -KILL $pid; wait $pid; echo \"code=$?\""
    );
    std::fs::remove_dir_all(&dir).unwrap();
    let cmd = project.cmd("sh").arg("-c").arg(script).args(["sh", XTASK]).args(make);
    assert_eq!(Space::finish(&cmd).ended(0).stdout(), "code=137");
    assert!(dir.join("bin").is_dir() && !dir.join("shard.json").exists());
    merge(&project, &[&dir]).ended(1).says(&["it is not finished"]);
    project.run(&make).ended(0);
    assert!(files() == made, "the shard is that of a run that was not killed");
}

#[test]
fn shards_are_signed_and_those_of_others_are_refused() {
    const NAME: &str = "shards::signed";
    need!("shards::signed", machine::std_for(&[HOST_MUSL, ARM_MUSL]), machine::programs(&["git"]));
    let Some(openssl) = have(NAME, "openssl") else { return };
    let project = project(&[(HOST_MUSL, ""), (ARM_MUSL, "")]);
    let keys = project.path("../keys");
    std::fs::create_dir(&keys).unwrap();
    let [(private, public), (_, stranger)] = ["ours", "stranger"].map(|name| key(&openssl, &keys, name));
    let sign = ["--mode", "pure", "--key", private.to_str().unwrap()];
    let both = format!("{HOST_MUSL}+{ARM_MUSL}");
    project.run(&[&["ci", "shard", &both], &sign[..]].concat()).ended(0).says(&[", signed"]);
    let dir = shard(&project, &both);
    let with = |key: &Path| merge_with(&project, &[&dir], &["--key", key.to_str().unwrap()]);
    with(&public).ended(0);
    with(&stranger).ended(1).says(&["its signature is not by the key"]);
    // Who changes a file must change the list, and cannot sign it.
    let text = std::fs::read_to_string(dir.join("shard.json")).unwrap();
    std::fs::write(dir.join("shard.json"), text.replacen("\"size\": ", "\"size\":  ", 1)).unwrap();
    with(&public).ended(1).says(&["its signature is not by the key"]);
    std::fs::remove_file(dir.join("shard.json.sigstore.json")).unwrap();
    with(&public).ended(1).says(&["it is not signed"]);
    merge(&project, &[&dir]).ended(0);
    // A key of targets.toml signs where it is, and its absence is no error.
    project
        .write("targets.toml", &(project.read("targets.toml") + "\n[publish]\nsign = \"env:SHARD_KEY\"\n"));
    project.run(&["ci", "shard", HOST_MUSL, "--mode", "pure"]).ended(0).never_says(&[", signed"]);
    project.run(&["ci", "shard", HOST_MUSL, "--mode", "pure", "--key", "keyless"]).ended(2);
}

/// A project that is always built in the mode `pure`, for workflows, which name no mode.
fn pure_project() -> Space {
    let project = project(&[(HOST_MUSL, ""), (ARM_MUSL, "")]);
    let native = sources::MODES.split_inclusive("\n\n").find(|part| part.contains("\"native\"")).unwrap();
    project.replace("targets.toml", native, "");
    commit(&project);
    // The cache of tests is below this repository, whose configuration of Cargo would be that of the clones.
    project.cloned("work")
}

/// The whole workflow on this machine: what comes of shards that are killed is what one machine makes.
#[test]
fn a_rehearsal_with_kills_ends_with_the_release_of_one_machine() {
    const NAME: &str = "shards::rehearsed";
    need!("shards::rehearsed", machine::std_for(&[HOST_MUSL, ARM_MUSL]), machine::programs(&["git", "jq"]));
    if have(NAME, "docker-registry").is_none() {
        return;
    }
    let project = pure_project();
    // The machine has no such key: one is made that signs in the rehearsal alone.
    project
        .write("targets.toml", &(project.read("targets.toml") + "[publish]\nsign = \"keys/release.pem\"\n"));
    commit(&project);
    let run = project.run(&["ci", "rehearse", "--kill", "--json"]).ended(0);
    let run = run.says(&[
        "what `cargo xtask ci init github` would write",
        "Killed the registry under publish: error: ",
    ]);
    let report = run.json();
    assert_eq!(report["same_as_alone"], true, "{report:#}");
    let steps = report["steps"].as_array().unwrap();
    let of = |name: &str| steps.iter().filter(|step| step["step"] == name).collect::<Vec<_>>();
    let one = |name: &str| {
        of(name).first().map(|step| (*step).clone()).unwrap_or_else(|| panic!("{name}: {report:#}"))
    };
    let shards = of("Make the shard");
    assert!(shards.len() == 2 && shards.iter().all(|shard| shard["kills"] == 2), "{report:#}");
    let publish = one("Publish the images");
    assert!(publish["kills"] == 1 && publish["bytes"].as_u64() > Some(0), "{report:#}");
    for name in ["Join them", "Unpack both", "Pack what was published", "Verify the images from outside"] {
        assert!(one(name)["seconds"].as_f64() > Some(0.0), "{name}");
    }
    // What the service alone can do was asked of stand-ins, or left out with a reason.
    for call in ["gh attestation verify", "gh release create", "gh release upload", "docker login"] {
        assert!(report["stood_in"][call].as_u64() > Some(0), "{call}: {report:#}");
    }
    let left_out = report["left_out"].as_array().unwrap();
    let mut left_out: Vec<&str> = left_out.iter().filter_map(|left| left["step"].as_str()).collect();
    left_out.dedup();
    let key = "the commit has no keys/release.pem: the service needs it, and here another key signs";
    assert!(report["left_out"].as_array().unwrap().iter().any(|left| left["why"] == key), "{report:#}");
    assert_eq!(left_out, ["Install cargo xtask", "Attest the images", "Attest the archives"]);
    let path = report["critical_path_seconds"].as_f64().unwrap();
    let longest = shards.iter().filter_map(|shard| shard["seconds"].as_f64()).fold(0.0, f64::max);
    assert!(path > longest && path < report["total_seconds"].as_f64().unwrap(), "{report:#}");
    // Nothing of it is in the workspace.
    assert!(!project.path("target/dist").exists() && !project.path("target/shards").exists());
    assert!(!project.path("keys").exists());
}

/// The scripts are those of the file in the commit.
#[test]
fn a_rehearsal_runs_what_the_file_says() {
    const NAME: &str = "shards::file";
    need!("shards::file", machine::std_for(&[HOST_MUSL]), machine::programs(&["git", "jq"]));
    if have(NAME, "docker-registry").is_none() {
        return;
    }
    const FILE: &str = ".github/workflows/xtask-release.yml";
    let mut project = pure_project();
    // Neither what the user may do nor another repository reaches the steps.
    project.set("AWS_SECRET_ACCESS_KEY", "of the user");
    project.set("GH_TOKEN", "of the user");
    let project = project;
    project.run(&["ci", "init", "github", "--install", "ci/install xtask"]).ended(0);
    let file = project.read(FILE);
    let compare = "      - name: Compare the tag with the version\n";
    let own = "      - name: Own\n        env:\n          NAME: ${{ VALUE }}\n        run: |\n          echo \"sees $NAME\" >&2\n          \
        echo \"secret: ${AWS_SECRET_ACCESS_KEY-}${GH_TOKEN-}, remotes: $(git remote).\" >&2\n          \
        gh release create v9 && git tag v9 && ! git push origin v9 2>/dev/null\n          false\n";
    let with = |value: &str| {
        project.write(FILE, &file.replace(compare, &format!("{}{compare}", own.replace("VALUE", value))));
        commit(&project);
        project.run(&["ci", "rehearse"])
    };
    let matrix = format!("\"targets\":\"{HOST_MUSL}\"}},{{");
    with("steps.plan.outputs.matrix").ended(1).says(&[
        "the rehearsal failed at plan: Own",
        "sees {\"include\":[{",
        &matrix,
        "secret: , remotes: .",
        FILE,
    ]);
    assert!(!project.path(".git/refs/tags/v9").exists(), "a script pushes nothing to the checkout");
    // A tag that does not fit the version is refused by the script of the file.
    let wrong = file.replace("!= \"v$version\"", "!= \"w$version\"");
    project.write(FILE, &wrong);
    commit(&project);
    project
        .run(&["ci", "rehearse"])
        .ended(1)
        .says(&["plan: Compare the tag with the version", "the version is 1.2.3"]);
    // A second release has a workflow and tags of its own.
    const SECOND: &str = ".github/workflows/app-release.yml";
    project.write("other.toml", &project.read("targets.toml"));
    let second = ["--config", "other.toml"];
    project.run(&[&["ci", "init", "github", "--install", "ci/install xtask"], &second[..]].concat()).ended(0);
    let after = "      # It publishes in another job";
    let own =
        "      - name: Own\n        run: |\n          echo \"sees $GITHUB_REF_NAME\" >&2\n          false\n";
    project.write(SECOND, &project.read(SECOND).replace(after, &format!("{own}{after}")));
    commit(&project);
    let run = project.run(&[&["ci", "rehearse"], &second[..]].concat()).ended(1);
    run.says(&["the rehearsal failed at plan: Own", "sees app-v1.2.3", SECOND]);
    // Nothing runs if the key of the release is nowhere.
    let targets = project.read("targets.toml");
    project.write("targets.toml", &(targets.clone() + "[publish]\nsign = \"/nowhere/release.pem\"\n"));
    commit(&project);
    let refused = project.run(&["ci", "rehearse"]).ended(3);
    refused.says(&["the key file /nowhere/release.pem does not exist"]).never_says(&["Rehearsed plan"]);
    project.write("targets.toml", &targets);
    // A key that the strict reader does not know could change what a step does.
    project.write(FILE, &file.replace(compare, &format!("{compare}        shell: sh\n")));
    commit(&project);
    project.run(&["ci", "rehearse"]).ended(2).says(&["the key `shell` is not known"]);
}

#[test]
fn what_only_the_service_can_sign_is_left_out_of_a_rehearsal() {
    need!("shards::unsigned", machine::std_for(&[HOST_MUSL, ARM_MUSL]), machine::programs(&["git", "jq"]));
    if have("shards::unsigned", "docker-registry").is_none() {
        return;
    }
    let project = pure_project();
    project.write("targets.toml", &(project.read("targets.toml") + "[publish]\nsign = \"keyless\"\n"));
    commit(&project);
    let run = project.run(&["ci", "rehearse"]).ended(0);
    for words in [
        "left out: publish: the identity of the workflow signs, which only the service can prove",
        "left out: verify: it needs the job publish",
        "left out: archives: it needs the job publish",
        "Join them",
    ] {
        assert!(run.stdout().contains(words), "{run}");
    }
}
