//! Mistakes in files are reported with file, line and key, all at once.

use super::super::Catalogue;

const HEAD: &str = "name = \"X\"\nkind = \"other\"\ntitle = \"X\"\ntitle_de = \"X\"\n";

fn errors(text: &str) -> Vec<String> {
    match Catalogue::load([("x.toml".to_owned(), text.to_owned())]) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn err_each_mistake_is_named_with_its_line_and_key() {
    for (text, expected) in [
        ("[[field]]\npath = \"t\"\nproperty = \"warmth\"", "x.toml:7: `field[0].property`: `warmth` is not in the catalogue"),
        ("[[field]]\nproperty = \"pm10\"", "x.toml:5: `field[0].path`: missing"),
        ("[[field]]\npath = \"a..b\"\nproperty = \"pm10\"", "x.toml:6: `field[0].path`: `a..b` is not a path"),
        ("[[field]]\npath = \"t\"\nproperty = \"pm10\"\nunit = \"V\"", "x.toml:8: `field[0].unit`: `V` does not convert to `ug/m3`"),
        ("[[field]]\npath = \"t\"\nproperty = \"pm10\"\nunit = \"a b\"", "x.toml:8: `field[0].unit`: `a b` is not a UCUM unit code"),
        ("[[field]]\npath = \"t\"\nproperty = \"pm10\"\nunits = \"V\"", "x.toml:8: `field[0].units`: unknown key; known here: channel, "),
        (
            "[[field]]\npath = \"t\"\nproperty = \"pm10\"\nscale = \"2\"",
            "x.toml:8: `field[0].scale`: expected a finite number, found the text \"2\"",
        ),
        ("[[field]]\npath = \"t\"\nproperty = \"pm10\"\nscale = 0", "x.toml:8: `field[0].scale`: a scale of 0"),
        ("[[field]]\npath = \"t\"\nproperty = \"pm10\"\noffset = nan", "x.toml:8: `field[0].offset`: expected a finite number"),
        (
            "[[field]]\npath = \"t\"\nproperty = \"pm10\"\nrange = [5, 1]",
            "x.toml:8: `field[0].range`: expected two numbers, the smaller first",
        ),
        ("[[field]]\npath = \"t\"\nproperty = \"presence\"\nscale = 2", "x.toml:8: `field[0].scale`: presence is a boolean"),
        (
            "[[field]]\npath = \"t\"\nproperty = \"presence\"\nmap = { a = 1 }",
            "x.toml:8: `field[0].map.a`: expected a boolean, found the number 1",
        ),
        ("[[field]]\npath = \"t\"\nproperty = \"pm10\"\nzero_at = { tga = \"h\" }", "x.toml:8: `field[0].zero_at.tag`: missing"),
        ("[[field]]\npath = \"t\"\nproperty = \"pm10\"\nzero_at = \"h\"", "x.toml:8: `field[0].zero_at`: expected a table"),
        ("[[field]]\npath = \"t\"\nproperty = \"pm10\"\nfull_at = 3", "x.toml:8: `field[0].full_at`: makes a percentage"),
        ("[[field]]\npath = \"t_*\"\nproperty = \"pm10\"", "x.toml:6: `field[0].path`: a `*` finds several fields"),
        ("[[field]]\npath = \"t\"\nproperty = \"pm10\"\nchannel = \"*\"", "x.toml:8: `field[0].channel`: a `*` in the channel repeats"),
        ("[[field]]\npath = \"t\"\nproperty = \"pm10\"\nchannel = \"a b\"", "x.toml:8: `field[0].channel`: `a b` is not a channel"),
        (
            "field = [{ path = \"t\", property = \"pm10\" },\n  { path = \"t\", property = \"pm10\" }]",
            "x.toml:6: `field[1].path`: `t` is already read as pm10",
        ),
        ("field = 3", "x.toml:5: `field`: expected a list, found the number 3"),
        ("field = [3]", "x.toml:5: `field[0]`: expected a table, found the number 3"),
        ("ignore = [\"a..\", 3]", "x.toml:5: `ignore`: expected text, found the number 3"),
        ("ignore = [\"a..\"]", "x.toml:5: `ignore`: `a..` is not a path"),
        ("visibility = \"secret\"", "x.toml:5: `visibility`: `secret` is not a visibility class"),
        ("unlisted = \"guess\"", "x.toml:5: `unlisted`: `guess` is not a way to treat unlisted fields"),
        ("match = { models = [\"em300\"] }", "x.toml:5: `match.models`: `em300` is not brand/model"),
        ("match = { profiles = [\"*\"] }", "x.toml:5: `match.profiles`: `*` is not a pattern"),
        ("[position]\nlat = \"lat\"", "x.toml:5: `position.lon`: missing"),
        ("[[example]]\nobject = \"{\"", "x.toml:6: `example[0].object`: not a JSON object: EOF"),
        ("[[example]]\nobject = \"{}\"\nreadings = [{ property = \"pm10\" }]", "x.toml:7: `example[0].readings[0].value`: missing"),
        ("[[rule]]\nnames = [\"t\"]\nproperty = \"pm10\"", "x.toml:5: `rule`: unknown key"),
        (
            "[[property]]\ncode = \"Pm 10\"\nname = \"P\"\nname_de = \"P\"\ndescription = \"P\"\nunit = \"1\"\nvisibility = \"public\"",
            "x.toml:6: `property[0].code`: `Pm 10` is not a property code",
        ),
        (
            "[[property]]\ncode = \"p\"\nname = \"P\"\nname_de = \"P\"\ndescription = \"P\"\nvisibility = \"public\"",
            "x.toml:5: `property[0].unit`: missing",
        ),
        (
            "[[property]]\ncode = \"pm10\"\nname = \"P\"\nname_de = \"P\"\ndescription = \"P\"\nunit = \"1\"\nvisibility = \"public\"",
            "x.toml:6: `property[0].code`: another [[property]] has this code",
        ),
        ("colour = \"red\"", "x.toml:5: `colour`: unknown key"),
        ("colour = ", "x.toml:5: not TOML: "),
    ] {
        let found = errors(&format!("{HEAD}{text}"));
        assert!(found.iter().any(|error| error.starts_with(expected)), "{text}\n  expected {expected}\n  found {found:#?}");
    }
    assert_eq!(errors(HEAD), [""; 0]);
}

#[test]
fn err_what_every_profile_needs_is_missed_by_name() {
    let found = errors("kind = \"river\"");
    for expected in [
        "x.toml: `name`: missing",
        "x.toml: `title`: missing",
        "x.toml: `title_de`: missing",
        "x.toml:1: `kind`: `river` is not a kind of thing",
    ] {
        assert!(found.iter().any(|error| error.starts_with(expected)), "{expected}\n{found:#?}");
    }
}

#[test]
fn err_all_mistakes_of_all_files_are_reported_at_once() {
    let first = ("a.toml".to_owned(), format!("{HEAD}colour = 1\nshape = 2\n"));
    let second = ("b.toml".to_owned(), format!("{HEAD}[[field]]\npath = 3\nproperty = \"warmth\"\n"));
    let errors = Catalogue::load([first, second]).unwrap_err();
    let found: Vec<String> = errors.iter().map(|error| format!("{}:{}", error.file, error.line.unwrap_or_default())).collect();
    assert_eq!(found, ["a.toml:5", "a.toml:6", "b.toml:1", "b.toml:6", "b.toml:7"], "{errors}");
    assert!(errors.to_string().contains("b.toml:1: `name`: `X` is also the name of the profile in a.toml"));
}

#[test]
fn err_a_default_profile_is_needed() {
    let file = HEAD.to_owned();
    let errors = Catalogue::load([("default.toml".to_owned(), file)]).unwrap_err().to_string();
    assert_eq!(errors, "default.toml: no file has a profile named `default`");
}

#[test]
fn err_names_of_rules_stand_once() {
    let text = "name = \"default\"\nkind = \"other\"\ntitle = \"X\"\ntitle_de = \"X\"\nignore_names = [\"PM 10\"]\n[[rule]]\nnames = [\"pm10\"]\nproperty = \"pm10\"\n";
    let errors = Catalogue::load([("default.toml".to_owned(), text.to_owned())]).unwrap_err().to_string();
    assert_eq!(errors, "default.toml:5: `ignore_names`: `PM 10` is already listed, apart from case and separators");
}
