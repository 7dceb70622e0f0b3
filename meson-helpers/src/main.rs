//! `cargo run -p meson-helpers -- find` says which DPDK linerate is built with; `… build` builds one from source; `… source` fetches a source.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use meson_helpers::{BuildOptions, Dpdk, Places, Platform, Search, SourcePackage, SourceTree};

const USAGE: &str = "\
usage: meson-helpers find
       meson-helpers build --prefix DIR [--source DIR|TARBALL] [--work DIR] [--drivers LIST] [--for PLATFORM]
       meson-helpers source DIR

find    Prints the DPDK that linerate is built with, why that one, and which others there are.
build   Builds a DPDK, shared and static, and installs it below DIR.
        --source DIR|TARBALL  a source tree, or a release from https://core.dpdk.org/download/; without it: the source package of the
                              distribution's DPDK, which apt fetches
        --work DIR            where a tarball or package is unpacked and built (default: PREFIX/source)
        --drivers LIST        only these drivers, such as net/mlx5,common/mlx5,bus/pci,bus/auxiliary (default: all that linerate can use)
        --for PLATFORM        native (default), generic, arm64, bluefield-2 or bluefield-3; the last three with aarch64-linux-gnu-gcc
source  Fetches and unpacks the source package of the distribution's DPDK in DIR, and prints the path of the tree.";

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["find"] => find(),
        ["source", into] => fetch(Path::new(into)).map(|tree| println!("{}", tree.display())),
        ["build", ref options @ ..] => match Request::read(options) {
            Ok(request) => build(&request),
            Err(wrong) => return usage(&wrong),
        },
        ["--help" | "-h" | "help"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => return usage("no such command"),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("meson-helpers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage(wrong: &str) -> ExitCode {
    eprintln!("meson-helpers: {wrong}\n\n{USAGE}");
    ExitCode::from(2)
}

fn find() -> Outcome {
    let search = Search::run(&Places::of_environment());
    print!("{search}");
    if search.taken.is_none() {
        return Err("no DPDK to build with: run scripts/setup, or scripts/build-dpdk --help".into());
    }
    let dpdk = Dpdk::find()?;
    println!("linked: {}", dpdk.linkage());
    Ok(())
}

/// The arguments of `build`.
struct Request {
    source: Option<PathBuf>,
    work: PathBuf,
    options: BuildOptions,
}

impl Request {
    fn read(arguments: &[&str]) -> Result<Self, String> {
        let (mut source, mut work, mut prefix) = (None, None, None);
        let (mut platform, mut drivers) = (Platform::Native, None);
        let mut rest = arguments.iter();
        while let Some(&name) = rest.next() {
            if !["--prefix", "--source", "--work", "--drivers", "--for"].contains(&name) {
                return Err(format!("build has no option {name:?}"));
            }
            let value = rest.next().ok_or_else(|| format!("{name} needs a value"))?;
            // meson needs absolute paths.
            let path = || std::path::absolute(value).map_err(|error| format!("{name} {value}: {error}"));
            match name {
                "--prefix" => prefix = Some(path()?),
                "--source" => source = Some(path()?),
                "--work" => work = Some(path()?),
                "--drivers" => drivers = Some(value.parse()?),
                _ => platform = value.parse()?,
            }
        }
        let prefix = prefix.ok_or("build needs --prefix DIR")?;
        let work = work.unwrap_or_else(|| prefix.join("source"));
        Ok(Request { source, work, options: BuildOptions { prefix, platform, drivers } })
    }
}

fn build(request: &Request) -> Outcome {
    let tree = match &request.source {
        Some(source) if source.is_dir() => SourceTree::open(source)?,
        Some(tarball) => SourceTree::unpack(tarball, &request.work)?,
        None => SourceTree::open(fetch(&request.work)?)?,
    };
    tree.build(&request.options)?;
    let prefix = one_word(&request.options.prefix.display().to_string());
    println!("DPDK is in {prefix}. Build linerate with it: LINERATE_DPDK={prefix} cargo build --release -p cli");
    println!("With DPDK inside the program: LINERATE_DPDK={prefix} LINERATE_DPDK_LINK=static cargo build --release -p cli");
    Ok(())
}

/// A path that a shell reads as one word.
fn one_word(text: &str) -> String {
    if text.contains(|c: char| !c.is_ascii_alphanumeric() && !"/._-+".contains(c)) {
        format!("'{}'", text.replace('\'', r"'\''"))
    } else {
        text.to_owned()
    }
}

fn fetch(into: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let package = SourcePackage::of_this_system()?;
    eprintln!("fetching the source package {package}");
    Ok(package.unpack(into)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_and_wrong_ones_are_named() {
        let request = Request::read(&["--prefix", "/opt/d", "--drivers", "net/null", "--for", "bluefield-3"]).unwrap();
        assert_eq!(request.options.platform, Platform::BlueField3);
        assert_eq!((request.work, request.source), (PathBuf::from("/opt/d/source"), None));
        for (arguments, part) in [
            (&["--for", "native"][..], "--prefix DIR"),
            (&["--prefix"], "needs a value"),
            (&["--fast"], "no option \"--fast\""),
            (&["--prefix", "/d", "--for", "pentium"], "bluefield-2"),
            (&["--prefix", "/d", "--drivers", "mlx5"], "CLASS/NAME"),
        ] {
            let wrong = Request::read(arguments).err().unwrap();
            assert!(wrong.contains(part), "{part}: {wrong}");
        }
    }
}
