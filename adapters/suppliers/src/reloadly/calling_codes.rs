//! Calling codes (ITU E.164) that one country has for itself, as ISO 3166 letters. Left out are those that several
//! share: 1, 7, 39, 44, 47, 61, 64, 212, 246, 247, 262, 290, 358, 500, 590, 599, 672.

const CODES: &str = "20EG 211SS 213DZ 216TN 218LY 220GM 221SN 222MR 223ML 224GN 225CI 226BF 227NE 228TG 229BJ 230MU \
    231LR 232SL 233GH 234NG 235TD 236CF 237CM 238CV 239ST 240GQ 241GA 242CG 243CD 244AO 245GW 248SC 249SD 250RW \
    251ET 252SO 253DJ 254KE 255TZ 256UG 257BI 258MZ 260ZM 261MG 263ZW 264NA 265MW 266LS 267BW 268SZ 269KM 27ZA \
    291ER 297AW 298FO 299GL 30GR 31NL 32BE 33FR 34ES 350GI 351PT 352LU 353IE 354IS 355AL 356MT 357CY 359BG 36HU \
    370LT 371LV 372EE 373MD 374AM 375BY 376AD 377MC 378SM 380UA 381RS 382ME 383XK 385HR 386SI 387BA 389MK 40RO \
    41CH 420CZ 421SK 423LI 43AT 45DK 46SE 48PL 49DE 501BZ 502GT 503SV 504HN 505NI 506CR 507PA 508PM 509HT 51PE \
    52MX 53CU 54AR 55BR 56CL 57CO 58VE 591BO 592GY 593EC 594GF 595PY 596MQ 597SR 598UY 60MY 62ID 63PH 65SG 66TH \
    670TL 673BN 674NR 675PG 676TO 677SB 678VU 679FJ 680PW 681WF 682CK 683NU 685WS 686KI 687NC 688TV 689PF 690TK \
    691FM 692MH 81JP 82KR 84VN 850KP 852HK 853MO 855KH 856LA 86CN 880BD 886TW 90TR 91IN 92PK 93AF 94LK 95MM \
    960MV 961LB 962JO 963SY 964IQ 965KW 966SA 967YE 968OM 970PS 971AE 972IL 973BH 974QA 975BT 976MN 977NP 98IR \
    992TJ 993TM 994AZ 995GE 996KG 998UZ";

/// The country of a number that starts with its calling code; `None` where several share the code, or there is
/// no such code. No code is the start of another.
pub(super) fn country(number: &str) -> Option<&'static str> {
    codes().find(|(code, _)| number.starts_with(code)).map(|(_, country)| country)
}

fn codes() -> impl Iterator<Item = (&'static str, &'static str)> {
    CODES.split_whitespace().map(|entry| entry.split_at(entry.len() - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_one_countrys() {
        let all: Vec<_> = codes().collect();
        for (at, (code, country)) in all.iter().enumerate() {
            assert!((2..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
            assert!(country.bytes().all(|byte| byte.is_ascii_uppercase()), "{country}");
            for (other, (other_code, other_country)) in all.iter().enumerate() {
                assert!(at == other || !other_code.starts_with(code), "{code} {other_code}");
                assert!(at == other || country != other_country, "{country}");
            }
        }
        assert_eq!(
            (country("50936377111"), country("13059547862"), country("8613800138000")),
            (Some("HT"), None, Some("CN"))
        );
    }
}
