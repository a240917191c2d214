"""Query parameters that only track how a reader arrived and never identify a page; one list for all sites.

Sources: the global rules of ClearURLs, the general section of AdGuard's URL tracking filter, Firefox's query stripping
list, and vendors' documentation. Names that identify pages on some sites are excluded (`ref`, `source`, `cid`, `tag`,
`s`, `mc`); a site that uses one of them for tracking can add it with the build setting `tracking_parameters`.
"""

from __future__ import annotations

# A trailing `*` matches any suffix. Groups: search and search ads; social networks; web analytics; newsletters;
# affiliates and other ads; apps; other.
_NAMES = """
utm_* __utm*

_ga _ga_* _gac _gl ga_* gad_* gbraid wbraid gclid gclsrc gcl_au dclid gs_l srsltid usqp msclkid wt_mc wt_zmc wt.mc_id
wt.mc_ev wtrid wtmc yclid ysclid ymclid ymid _openstat ym_tracking_id

fbclid fb_action_ids fb_action_types fb_comment_id fb_ref fb_source action_object_map action_ref_map action_type_map
__cft__* __tn__ mibextid igsh igshid ig_rid ig_mid twclid __twitter_impression ref_src ref_url ttclid tt_medium
tt_content li_fat_id lipi epik pp_epik sccid scclid rdt_cid qclid tgclid vkclid ok_clid

mtm_* matomo_* pk_* piwik_* at_campaign at_campaign_type at_creation at_custom* at_emailtype at_format at_link*
at_medium at_ptr_name at_recipient_* at_send_date at_variant xtor adobe_mc* s_cid s_kwcid ef_id cm_cr cm_ite cm_me
cm_mmc* cm_re cm_sp sc_campaign sc_channel sc_cid sc_content sc_eh sc_lid sc_llid sc_medium sc_outcome sc_publisher
sc_segment sc_src sc_uid _sgm_* cx_click cx_recsorder cx_recswidget itm_campaign itm_channel itm_content itm_medium
itm_source itm_term int_campaign int_content int_medium int_source int_term otm_* dpg_* hmb_campaign hmb_medium
hmb_source nx_source tracking_source echobox _io_session_id __io_lv guccounter guce_referrer guce_referrer_sig wprov
__cf_chl_* spm vn_campaign vn_medium vn_source

_hsenc _hsmi __hsfp __hssc __hstc hsa_* hsctatracking mc_cid mc_eid mc_tc mkt_tok elq elqaid elqak elqat elqcampaignid
elqcst elqem elqtrack elqtrackid vero_* oly_* ml_subscriber ml_subscriber_hash bsft_* _kx _ke _bhlid _bta_c _bta_tid
trk_contact trk_module trk_msg trk_sid dm_i dm_t sfmc_* et_cid et_rid omnisendcontactid mcp_token gdfms gdftrk gdffi
__s _clde _cldee mindbox-click-id mindbox-message-key sms_click sms_source sms_uph rb_clickid os_ehash
user_email_address

irclickid irgwc ir_adid ir_campaignid ir_partnerid cjevent cjdata awc awinaffid sscid tduid admitad_uid erid raneaid
ranmid ransiteid wickedid wickedsource vc_lpp ebisadid ceneo_spo oprtrack aff_sub* famad_xuid _zucks_suid tblci
tbcid dicbo obclid outbrainclickid mkwid pcrid cmpid cmp_id ncid rtkcid asgtbndr aiad_clid x-clickref clickref

bbeml oft_* sc_customer ss_email_id vgo_ee ck_subscriber_id ns_campaign ns_fee ns_linkname ns_mchannel ns_source zanpid
soc_src soc_trk bd_vid qz_gdt hmci hmcu hmkw hmpl hmsr spm_id_from vd_source yadclid

_branch_match_id _branch_referrer adj_adgroup adj_campaign adj_creative adj_label adj_t adjust_* gps_adid
unicorn_click_id external_click_id af_ad af_adset af_click_lookback af_force_deeplink af_sub* af_xp mt_adset
mt_campaign mt_click_id mt_creative mt_medium mt_network mt_sub*

pd_rd_* pf_rd_* hootpostid
"""

#: Lower case, sorted.
TRACKING_PARAMETERS: tuple[str, ...] = tuple(sorted(_NAMES.split()))
