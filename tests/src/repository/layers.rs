//! Which package of ours may lean on which, compared with what the manifests say.
//!
//! Foreign crates are not looked at here: `deny.toml` says who may use those.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, MetadataCommand};

use super::{assert_none, root};

/// What a package may use.
#[derive(Clone, Copy, Debug)]
enum Uses {
    /// These, and no other.
    Only(&'static [&'static str]),
    /// Whatever stands in a lower layer.
    AllBelow,
}

use Uses::{AllBelow, Only};

/// A layer's name, its packages, and what each of them may use.
type Layer = (&'static str, &'static [&'static str], Uses);

/// Every edge there may be, from the bottom up. A package appears when it has content.
const LAYERS: &[Layer] = &[
    ("chores", &["xtask"], Only(&[])),
    ("decisions", &["bowline-policy"], Only(&[])),
    ("seam", &["bowline-link"], Only(&["bowline-policy"])),
    (
        "mechanism",
        &["bowline-pool", "bowline-reconnect"],
        Only(&["bowline-link", "bowline-policy"]),
    ),
    (
        "harness",
        &["bowline-sim"],
        Only(&["bowline-link", "bowline-policy"]),
    ),
    ("dev", &["bowline-conformance"], Only(&["bowline-policy"])),
    (
        "meters",
        &["bowline-telemetry"],
        Only(&[
            "bowline-pool",
            "bowline-reconnect",
            "bowline-link",
            "bowline-policy",
        ]),
    ),
    ("face", &["bowline"], Only(ABOVE_THE_METERS)),
    ("application", &["bowline-chat"], Only(ABOVE_THE_METERS)),
    ("roots", &["bowline-cli", "bowline-scenarios"], AllBelow),
    ("checks", &["bowline-tests"], AllBelow),
];

const ABOVE_THE_METERS: &[&str] = &[
    "bowline-telemetry",
    "bowline-pool",
    "bowline-reconnect",
    "bowline-link",
    "bowline-policy",
];

/// One line of a manifest: `from` depends on `to`.
#[derive(Debug)]
struct Edge {
    from: String,
    to: String,
    kind: DependencyKind,
}

#[test]
fn every_dependency_points_down() {
    let (packages, edges) = workspace();
    assert_none(&faults(&packages, &edges));
}

/// The packages of the workspace, and the edges between them.
fn workspace() -> (BTreeSet<String>, Vec<Edge>) {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec();
    let metadata = metadata.expect("cargo reads the manifests that it just compiled from");
    let members = metadata.workspace_packages();
    let names: BTreeSet<String> = members
        .iter()
        .map(|member| member.name.to_string())
        .collect();
    let mut edges = Vec::new();
    for member in members {
        let ours = member
            .dependencies
            .iter()
            .filter(|to| names.contains(&to.name));
        edges.extend(ours.map(|to| Edge {
            from: member.name.to_string(),
            to: to.name.clone(),
            kind: to.kind,
        }));
    }
    assert!(
        !edges.is_empty(),
        "no package uses another: the filter is wrong"
    );
    (names, edges)
}

/// Everything that the layers do not allow, for a person to read.
fn faults(packages: &BTreeSet<String>, edges: &[Edge]) -> Vec<String> {
    let unplaced = packages.iter().filter(|package| rank(package).is_none());
    let unplaced = unplaced.map(|package| {
        format!("{package} stands in no layer: give it one in tests/src/repository/layers.rs and in ARCHITECTURE.md")
    });
    unplaced.chain(edges.iter().filter_map(refused)).collect()
}

/// Why `edge` may not be, or nothing where it may.
fn refused(edge: &Edge) -> Option<String> {
    let Edge { from, to, kind } = edge;
    let (Some(high), Some(low)) = (rank(from), rank(to)) else {
        return None; // One of them stands nowhere, which is a fault of its own.
    };
    let (layer, siblings, uses) = LAYERS[high];
    let may = match uses {
        Only(these) => {
            if these.contains(&to.as_str()) {
                return None;
            }
            match these {
                [] => "nothing of ours".to_owned(),
                these => these.join(", "),
            }
        }
        AllBelow if low < high => return None,
        AllBelow => "what stands below it".to_owned(),
    };
    let because = if siblings.contains(&to.as_str()) {
        "siblings do not know each other: whoever needs both composes them".to_owned()
    } else if low > high {
        format!("{to} stands above it, in the layer \"{}\"", LAYERS[low].0)
    } else {
        "a layer is as thin as this list".to_owned()
    };
    let manner = match kind {
        DependencyKind::Development => "in its tests ",
        DependencyKind::Build => "in its build ",
        _ => "",
    };
    Some(format!(
        "{from} must not depend {manner}on {to}: in the layer \"{layer}\" it may use {may}; {because}"
    ))
}

fn rank(package: &str) -> Option<usize> {
    LAYERS
        .iter()
        .position(|(_, packages, _)| packages.contains(&package))
}

mod tests {
    use super::*;

    fn check(from: &str, to: &str, kind: DependencyKind, expected: &[&str]) {
        let packages = [from, to].map(str::to_owned).into();
        let edge = Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            kind,
        };
        let faults = faults(&packages, &[edge]).join("\n");
        assert_eq!(faults.is_empty(), expected.is_empty(), "{faults}");
        for part in expected {
            assert!(faults.contains(part), "{faults:?} lacks {part:?}");
        }
    }

    #[test]
    fn the_pool_may_not_know_its_sibling() {
        check(
            "bowline-pool",
            "bowline-reconnect",
            DependencyKind::Normal,
            &[
                "bowline-pool must not depend on bowline-reconnect",
                "may use bowline-link, bowline-policy",
                "siblings do not know each other",
            ],
        );
    }

    #[test]
    fn a_dependency_may_not_point_up_even_in_a_test() {
        check(
            "bowline-link",
            "bowline-pool",
            DependencyKind::Development,
            &[
                "must not depend in its tests on bowline-pool",
                "stands above it, in the layer \"mechanism\"",
            ],
        );
    }

    #[test]
    fn the_decisions_and_the_chores_use_nothing_of_ours() {
        for from in ["bowline-policy", "xtask"] {
            check(
                from,
                "bowline-link",
                DependencyKind::Normal,
                &["it may use nothing of ours"],
            );
        }
    }

    #[test]
    fn the_harness_knows_nothing_of_the_pool_below_it() {
        check(
            "bowline-sim",
            "bowline-pool",
            DependencyKind::Normal,
            &["bowline-sim must not depend on bowline-pool"],
        );
    }

    #[test]
    fn a_root_uses_what_it_likes_but_no_other_root() {
        check(
            "bowline-scenarios",
            "bowline-sim",
            DependencyKind::Normal,
            &[],
        );
        check(
            "bowline-cli",
            "bowline-scenarios",
            DependencyKind::Normal,
            &["bowline-cli must not depend on bowline-scenarios"],
        );
        check(
            "bowline-cli",
            "bowline-tests",
            DependencyKind::Normal,
            &["stands above it"],
        );
    }

    #[test]
    fn a_listed_edge_is_in_order() {
        check("bowline-pool", "bowline-link", DependencyKind::Normal, &[]);
        check("bowline-chat", "bowline-pool", DependencyKind::Normal, &[]);
    }

    #[test]
    fn a_package_in_no_layer_is_named() {
        check(
            "bowline-common",
            "bowline-link",
            DependencyKind::Normal,
            &["bowline-common stands in no layer"],
        );
    }

    #[test]
    fn the_list_itself_points_down() {
        for (high, (_, _, uses)) in LAYERS.iter().enumerate() {
            let Only(these) = uses else { continue };
            for to in *these {
                assert!(rank(to).is_some_and(|low| low < high), "{to} is not below");
            }
        }
    }
}
