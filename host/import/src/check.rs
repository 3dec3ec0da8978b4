//! Reads what is about to be written as the server will, so that an import never ends in a
//! configuration that `lessor check` refuses. A class that would be refused is left out.

use std::path::Path;

use lessor_config::Configuration;

use crate::{
    files,
    model::Site,
    place::Refusal,
    report::{LineOutcome, Report},
    toml,
};

/// Removes the classes that the server would refuse, for example because no message can meet them.
pub(crate) fn classes(site: &mut Site, report: &mut Report) {
    let classes = std::mem::take(&mut site.classes);
    for class in classes {
        let text = toml::class_alone(&class, site);
        let read = lessor_config::parse("class", &text, Path::new("/"));
        let Err(mistakes) = read else {
            site.classes.push(class);
            continue;
        };
        let mistake = mistakes.iter().next();
        let why = mistake.map_or_else(String::new, |mistake| mistake.message().to_owned());
        for entry in &class.entries {
            report.correct(
                *entry,
                LineOutcome::NotCarried,
                format!("no [[class]] can say it: {why}"),
            );
        }
    }
}

/// Reads a configuration that is not written yet and has `count` reservations.
///
/// # Errors
/// Refuses with all mistakes that the server would report.
pub(crate) fn read(
    configuration: &str,
    reservations: Option<&(String, String)>,
    target: &Path,
    count: usize,
) -> Result<Configuration, Refusal> {
    let base = target.parent().unwrap_or(Path::new(""));
    let name = target.display().to_string();
    let copy = reservations.map(|(name, text)| files::temporary(name, text)).transpose();
    let copy = copy.map_err(|error| {
        Refusal::new(
            format!("the reservations cannot be written to a temporary file: {error}"),
            "check TMPDIR and its free space",
        )
    })?;
    let stand_in =
        |path: &Path| copy.as_ref().map_or_else(|| path.to_owned(), |copy| copy.path().to_owned());
    let read = lessor_config::parse_with_copies(&name, configuration, base, &stand_in);
    let read = read.map_err(|mistakes| {
        Refusal::new(
            format!("the result would not be accepted:\n{mistakes}\n"),
            "change the lines of the other server that the comments name, or those of the file that \
             is replaced, and import again",
        )
    })?;
    let networks = read.topology.networks().iter();
    let subnets = networks.flat_map(|network| network.subnets.iter());
    let of_subnets: usize = subnets.map(|subnet| subnet.reservations.len()).sum();
    let found = of_subnets + read.topology.shared_reservations().list().len();
    if found != count {
        return Err(Refusal::new(
            format!("the result would have {found} reservations instead of {count}"),
            "please report this, with the configuration",
        ));
    }
    Ok(read)
}
