//! What is known of each SQL function. One that is not listed is not offered: a new version of the engine may bring some that nobody has
//! looked at.

use super::estimate::Growth;
use super::work::Work;

/// How a function is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Its result has a fixed width, and takes time in proportion to its arguments.
    Free,
    /// Its result is one of its arguments or a part of one.
    Copy,
    /// Its result is estimated before it is made, and measured after.
    Bounded(Growth, Work),
}

/// A geometry counts as its vertices of two numbers each, and pairs of vertices are compared.
const VERTEX_PAIRS: u64 = 16 * 16;
/// Each character with each.
const CHARACTER_PAIRS: Work = Work::Product { divisor: 1 };
/// Items of a list take at least four bytes each, and pairs are compared.
const ITEM_PAIRS: Work = Work::Product { divisor: 4 * 4 };

/// The rule for a function by its name or one of its other names; `None` for those that are not offered.
///
/// Not offered on purpose are makers of arrays of any length (`range`, `array_repeat`, …) instead of which there are the table functions
/// `generate_series` and `range`, casts to types of any width, functions that take functions, and those that tell of files or set metadata.
pub(super) fn rule_of(name: &str) -> Option<Rule> {
    of_numbers_and_times(name).or_else(|| of_texts(name)).or_else(|| of_lists(name)).or_else(|| of_geometries(name))
}

/// Numbers, times, and choices between values.
#[allow(clippy::match_same_arms, reason = "a table by subject")]
fn of_numbers_and_times(name: &str) -> Option<Rule> {
    use Growth::Formatted;
    use Rule::{Bounded, Copy, Free};
    Some(match name {
        // Numbers.
        "abs" | "acos" | "acosh" | "asin" | "asinh" | "atan" | "atan2" | "atanh" | "cbrt" | "ceil" | "ceiling" | "cos" | "cosh" | "cot"
        | "degrees" | "exp" | "factorial" | "floor" | "gcd" | "isnan" | "iszero" | "lcm" | "ln" | "log" | "log10" | "log2" | "nanvl"
        | "pi" | "pow" | "power" | "radians" | "rand" | "random" | "round" | "sign" | "signum" | "sin" | "sinh" | "sqrt" | "tan"
        | "tanh" | "trunc" => Free,
        // Choices between arguments.
        "coalesce" | "greatest" | "ifnull" | "least" | "nullif" | "nvl" | "nvl2" | "get_field" | "union_extract" => Copy,
        // Times.
        "current_date"
        | "current_time"
        | "current_timestamp"
        | "date_bin"
        | "date_part"
        | "date_trunc"
        | "datepart"
        | "datetrunc"
        | "from_unixtime"
        | "make_date"
        | "make_time"
        | "now"
        | "to_date"
        | "to_local_time"
        | "to_time"
        | "to_timestamp"
        | "to_timestamp_micros"
        | "to_timestamp_millis"
        | "to_timestamp_nanos"
        | "to_timestamp_seconds"
        | "to_unixtime"
        | "today" => Free,
        "to_char" | "date_format" => Bounded(Formatted, Work::Linear),
        _ => return None,
    })
}

/// Texts and bytes.
#[allow(clippy::match_same_arms, reason = "a table by subject")]
fn of_texts(name: &str) -> Option<Rule> {
    use Growth::{Arguments, Captures, GluedArguments, Replaced, Sum, Times, Width};
    use Rule::{Bounded, Copy, Free};
    Some(match name {
        "ascii" | "bit_length" | "char_length" | "character_length" | "chr" | "contains" | "ends_with" | "find_in_set" | "length"
        | "octet_length" | "starts_with" | "to_hex" | "uuid" | "version" => Free,
        // Parts of a text. Upper and lower case can take up to three times as many bytes, but only once.
        "initcap" | "left" | "lower" | "reverse" | "right" | "split_part" | "substr" | "substr_index" | "substring" | "substring_index"
        | "upper" => Copy,
        "instr" | "position" | "strpos" => Bounded(Arguments, CHARACTER_PAIRS),
        "btrim" | "levenshtein" | "ltrim" | "rtrim" | "translate" | "trim" => Bounded(Arguments, CHARACTER_PAIRS),
        "decode" | "encode" => Bounded(Arguments, Work::Linear),
        "concat" | "overlay" => Bounded(Sum, Work::Linear),
        "concat_ws" => Bounded(GluedArguments, Work::Linear),
        "repeat" => Bounded(Times, Work::Linear),
        "lpad" | "rpad" => Bounded(Width, Work::Linear),
        "replace" => Bounded(Replaced, Work::Linear),
        // What a pattern takes is told by the pattern.
        "regexp_count" | "regexp_instr" | "regexp_like" => Bounded(Arguments, Work::Pattern { weight: u64::MAX }),
        "regexp_match" => Bounded(Captures { groups: u64::MAX }, Work::Pattern { weight: u64::MAX }),
        "regexp_replace" => Bounded(Replaced, Work::Pattern { weight: u64::MAX }),
        _ => return None,
    })
}

/// Lists, structures, maps.
#[allow(clippy::match_same_arms, reason = "a table by subject")]
fn of_lists(name: &str) -> Option<Rule> {
    use Growth::{Arguments, Elements, GluedElements, Sum};
    use Rule::{Bounded, Copy, Free};
    Some(match name {
        "array_any_value" | "array_dims" | "array_element" | "array_extract" | "array_first" | "array_max" | "array_min"
        | "list_any_value" | "list_dims" | "list_element" | "list_extract" | "list_first" | "list_max" | "list_min" => Copy,
        "array_avg"
        | "array_distance"
        | "array_empty"
        | "array_has"
        | "array_contains"
        | "array_indexof"
        | "array_length"
        | "array_ndims"
        | "array_position"
        | "array_product"
        | "array_sum"
        | "cardinality"
        | "cosine_distance"
        | "dot_product"
        | "empty"
        | "inner_product"
        | "list_avg"
        | "list_contains"
        | "list_cosine_distance"
        | "list_distance"
        | "list_dot_product"
        | "list_empty"
        | "list_has"
        | "list_indexof"
        | "list_inner_product"
        | "list_length"
        | "list_ndims"
        | "list_position"
        | "list_product"
        | "list_sum"
        | "array_cosine_distance"
        | "array_dot_product"
        | "array_inner_product" => Free,
        "array_except" | "array_has_all" | "array_has_any" | "array_intersect" | "array_union" | "arrays_overlap" | "list_except"
        | "list_has_all" | "list_has_any" | "list_intersect" | "list_union" | "map_extract" | "element_at" => Bounded(Sum, ITEM_PAIRS),
        "array_add" | "array_append" | "array_cat" | "array_compact" | "array_concat" | "array_distinct" | "array_normalize"
        | "array_pop_back" | "array_pop_front" | "array_positions" | "array_prepend" | "array_push_back" | "array_push_front"
        | "array_remove" | "array_remove_all" | "array_remove_n" | "array_reverse" | "array_scale" | "array_slice" | "array_sort"
        | "array_subtract" | "flatten" | "list_add" | "list_append" | "list_cat" | "list_compact" | "list_concat" | "list_distinct"
        | "list_normalize" | "list_pop_back" | "list_pop_front" | "list_positions" | "list_prepend" | "list_push_back"
        | "list_push_front" | "list_remove" | "list_remove_all" | "list_remove_n" | "list_reverse" | "list_scale" | "list_slice"
        | "list_sort" | "list_subtract" | "make_array" | "make_list" | "map" | "map_entries" | "map_keys" | "map_values"
        | "named_struct" | "row" | "struct" => Bounded(Sum, Work::Linear),
        "array_replace" | "array_replace_all" | "array_replace_n" | "list_replace" | "list_replace_all" | "list_replace_n" => {
            Bounded(Elements, Work::Linear)
        }
        "array_join" | "array_to_string" | "list_join" | "list_to_string" => Bounded(GluedElements, Work::Linear),
        "string_to_array" | "string_to_list" => Bounded(Arguments, Work::Linear),
        _ => return None,
    })
}

/// Geometries.
#[allow(clippy::match_same_arms, reason = "a table by subject")]
fn of_geometries(name: &str) -> Option<Rule> {
    use Growth::Arguments;
    use Rule::{Bounded, Free};
    Some(match name {
        "station_point"
        | "geometrytype"
        | "st_area"
        | "st_coorddim"
        | "st_geometrytype"
        | "st_isclosed"
        | "st_isempty"
        | "st_length"
        | "st_length2d"
        | "st_m"
        | "st_ndims"
        | "st_npoints"
        | "st_numpoints"
        | "st_numinteriorring"
        | "st_numinteriorrings"
        | "st_x"
        | "st_xmax"
        | "st_xmin"
        | "st_y"
        | "st_ymax"
        | "st_ymin"
        | "st_z"
        | "st_zmax"
        | "st_zmin" => Free,
        "box2d"
        | "box3d"
        | "st_3dmakebox"
        | "st_box2dfromgeohash"
        | "st_centroid"
        | "st_convexhull"
        | "st_dump"
        | "st_endpoint"
        | "st_envelope"
        | "st_expand"
        | "st_geohash"
        | "st_makebox2d"
        | "st_makepoint"
        | "st_makepointm"
        | "st_orientedenvelope"
        | "st_point"
        | "st_pointfromgeohash"
        | "st_pointm"
        | "st_pointn"
        | "st_pointz"
        | "st_pointzm"
        | "st_startpoint"
        | "st_asbinary"
        | "st_astext" => Bounded(Arguments, Work::Linear),
        "st_geomfromtext" | "st_geometryfromtext" | "st_wkttosql" => Bounded(Arguments, Work::Wkt),
        "st_geomfromwkb" | "st_wkbtosql" => Bounded(Arguments, Work::Wkb),
        "st_contains" | "st_coveredby" | "st_covers" | "st_crosses" | "st_disjoint" | "st_distance" | "st_equals" | "st_intersects"
        | "st_overlaps" | "st_touches" | "st_within" => Bounded(Arguments, Work::Product { divisor: VERTEX_PAIRS }),
        "st_concavehull"
        | "st_isvalid"
        | "st_isvalidreason"
        | "st_pointonsurface"
        | "st_simplify"
        | "st_simplifypreservetopology"
        | "st_simplifyvw" => Bounded(Arguments, Work::Square { divisor: VERTEX_PAIRS }),
        _ => return None,
    })
}
