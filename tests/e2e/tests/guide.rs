//! Checks the guides: writes the files of every chapter and runs its commands, in the order of the
//! guide.

use lessor_e2e::{guide::Guide, needs::are_met};

/// The chapter of docs/policies.md that is run before every other chapter.
const PLACE: &str = "A place to try things";

/// What chapters of docs/policies.md need beside the server.
const NEEDS: [(&str, &[&str]); 3] = [
    ("In JavaScript", &["npm", "patience"]),
    ("In Python", &["python3", "patience"]),
    ("In C", &["clang", "make", "wasi_libc"]),
];

/// A reader who begins at the top and leaves nothing out: no step may need a folder or a server
/// that has seen less. Without their tools, the chapters of some languages are left out.
#[test]
fn the_guide_for_policies_from_top_to_bottom() {
    lessor_guests::interpreters().unwrap();
    let guide = Guide::read("docs/policies.md");
    let needs = |title: &str| NEEDS.iter().find(|(of, _)| *of == title);
    let can_run = |title: &&str| needs(title).is_none_or(|(_, needs)| are_met(needs));
    let titles: Vec<&str> = guide.titles().filter(can_run).collect();
    guide.run(&titles);
}

/// A reader who begins with one chapter.
#[test]
fn a_first_policy_as_a_rhai_script() {
    chapter("As a script");
}

#[test]
fn a_first_policy_as_a_javascript_script() {
    chapter("As a script in JavaScript");
}

#[test]
fn a_first_policy_in_rust() {
    chapter("In Rust");
}

#[test]
fn on_real_traffic() {
    chapter("On real traffic");
}

#[test]
fn every_recipe() {
    let guide = Guide::read("docs/policies.md");
    let recipes: Vec<&str> = guide.titles().filter(|title| title.starts_with("Recipe: ")).collect();
    assert!(recipes.len() >= 10, "{recipes:?}");
    for recipe in recipes {
        chapter(recipe);
    }
}

#[test]
fn the_same_policy_as_scripts_and_in_rust() {
    side_by_side(&["As a script", "As a script in JavaScript", "In Rust"]);
}

#[test]
fn the_same_policy_in_javascript() {
    lessor_e2e::require!(npm, patience);
    side_by_side(&["In JavaScript"]);
}

#[test]
fn the_same_policy_in_python() {
    lessor_e2e::require!(python3, patience);
    side_by_side(&["In Python"]);
}

#[test]
fn the_same_policy_in_c() {
    lessor_e2e::require!(clang, make, wasi_libc);
    side_by_side(&["In C"]);
}

/// Runs chapters of the page that has one policy in every language, in one folder.
#[track_caller]
fn side_by_side(languages: &[&str]) {
    lessor_guests::interpreters().unwrap();
    let chapters = [&["The cases"], languages].concat();
    Guide::read("docs/policies-side-by-side.md").run(&chapters);
}

#[test]
fn moving_from_another_server() {
    page("docs/migrate.md");
}

#[test]
fn leases_by_hand() {
    page("docs/leases-by-hand.md");
}

#[test]
fn changing_an_address_plan() {
    page("docs/address-plan.md");
}

#[test]
fn measuring_a_machine() {
    page("docs/sizing.md");
}

#[test]
fn securing_the_server() {
    page("docs/security.md");
}

#[test]
fn two_servers() {
    page("docs/two-servers.md");
}

/// Runs all chapters of a page, one after the other.
#[track_caller]
fn page(page: &str) {
    let guide = Guide::read(page);
    let titles: Vec<&str> = guide.titles().collect();
    guide.run(&titles);
}

#[test]
fn a_restart_that_compiles_nothing() {
    lessor_guests::interpreters().unwrap();
    Guide::read("docs/cold-start.md").run(&["Before a restart"]);
}

/// Runs a chapter of the guide for policy authors.
#[track_caller]
fn chapter(title: &str) {
    // Scripts need the interpreters; the server finds them beside its binary.
    lessor_guests::interpreters().unwrap();
    Guide::read("docs/policies.md").run(&[PLACE, title]);
}
