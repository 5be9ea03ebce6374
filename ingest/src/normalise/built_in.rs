//! The files that come with the program.

/// Names and texts of the built-in files, properties first. A test compares the list with the folder.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("properties.toml", include_str!("../../../config/properties.toml")),
    ("default.toml", include_str!("../../../config/profiles/default.toml")),
    ("bosch-tps110.toml", include_str!("../../../config/profiles/bosch-tps110.toml")),
    ("decentlab-dl-atm41.toml", include_str!("../../../config/profiles/decentlab-dl-atm41.toml")),
    ("decentlab-dl-mbx.toml", include_str!("../../../config/profiles/decentlab-dl-mbx.toml")),
    ("decentlab-dl-pm.toml", include_str!("../../../config/profiles/decentlab-dl-pm.toml")),
    ("decentlab-dl-pr26.toml", include_str!("../../../config/profiles/decentlab-dl-pr26.toml")),
    ("decentlab-dl-tbrg.toml", include_str!("../../../config/profiles/decentlab-dl-tbrg.toml")),
    ("dragino-lse01.toml", include_str!("../../../config/profiles/dragino-lse01.toml")),
    ("dragino-trackerd.toml", include_str!("../../../config/profiles/dragino-trackerd.toml")),
    ("elsys-ers-co2.toml", include_str!("../../../config/profiles/elsys-ers-co2.toml")),
    ("elvaco-cmi4110.toml", include_str!("../../../config/profiles/elvaco-cmi4110.toml")),
    ("milesight-ct101.toml", include_str!("../../../config/profiles/milesight-ct101.toml")),
    ("milesight-em300-th.toml", include_str!("../../../config/profiles/milesight-em300-th.toml")),
    ("milesight-em400-mud.toml", include_str!("../../../config/profiles/milesight-em400-mud.toml")),
    ("milesight-em500-smtc.toml", include_str!("../../../config/profiles/milesight-em500-smtc.toml")),
    ("milesight-vs133.toml", include_str!("../../../config/profiles/milesight-vs133.toml")),
    ("milesight-ws302.toml", include_str!("../../../config/profiles/milesight-ws302.toml")),
    ("milesight-wts506.toml", include_str!("../../../config/profiles/milesight-wts506.toml")),
    ("nas-ul2020.toml", include_str!("../../../config/profiles/nas-ul2020.toml")),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_profiles_folder_is_built_in() {
        // Beside the workspace when built there, else beside the source.
        let roots = [Path::new(env!("CARGO_MANIFEST_DIR")).parent(), Path::new(file!()).ancestors().nth(4)];
        let folder = roots.into_iter().flatten().map(|root| root.join("config/profiles")).find(|folder| folder.is_dir()).unwrap();
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let profiles = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
        let found: BTreeSet<String> = profiles.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
        let listed: BTreeSet<String> =
            BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).filter(|name| name != "properties.toml").collect();
        assert_eq!(listed, found);
    }
}
