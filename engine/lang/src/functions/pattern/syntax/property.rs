//! Classes of characters by their Unicode properties.

use super::class::NOTHING;

/// General categories.
const CATEGORIES: &str = "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po \
    Ps S Sc Sk Sm So Z Zl Zp Zs";

/// Scripts of Unicode 15.
const SCRIPTS: &str = "Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah \
    Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal \
    Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform \
    Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan \
    Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek \
    Gujarati Gunjala_Gondi Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew \
    Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian \
    Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer \
    Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani \
    Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek \
    Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani \
    Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa Nko Nushu \
    Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian \
    Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage \
    Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang \
    Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian \
    Sora_Sompeng Soyombo Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham \
    Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto \
    Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square";

/// The class of a text such as `pL`, `p{Greek}` or `P{^Greek}`, and what follows it. Names are
/// exactly those above, and `Any`.
pub(super) fn property(text: &str) -> Result<(String, &str), String> {
    let unknown = |name: &str| format!("\"{name}\" is not a known class of characters");
    let negative = text.starts_with('P');
    let after = &text[1..];
    let (name, rest) = match after.strip_prefix('{') {
        Some(inner) => inner.split_once('}').ok_or_else(|| unknown(text))?,
        None => {
            let letter = after.chars().next().ok_or_else(|| unknown(text))?;
            after.split_at(letter.len_utf8())
        }
    };
    let (negative, name) = match name.strip_prefix('^') {
        Some(name) => (!negative, name),
        None => (negative, name),
    };
    let known = |all: &str| all.split(' ').any(|known| known == name);
    let positive = match name {
        "Any" => "\\x00-\\x{10FFFF}".to_owned(),
        // What is not assigned is in no category.
        "C" => "\\p{Cc}\\p{Cf}\\p{Co}".to_owned(),
        // In a text there are none.
        "Cs" => NOTHING.to_owned(),
        _ if known(CATEGORIES) => format!("\\p{{gc={name}}}"),
        _ if known(SCRIPTS) => format!("\\p{{sc={name}}}"),
        _ => return Err(unknown(name)),
    };
    let not = if negative { "^" } else { "" };
    Ok((format!("[{not}{positive}]"), rest))
}
