/** The logo's outline: a ballot urn with a ballot in its mouth. Drawn in the pages and as their icon. */

export const LOGO_VIEW_BOX = "0 0 32 32";
export const LOGO_BALLOT = "M11.5 2.5h9v7h-9z";
export const LOGO_URN =
  "M7 9.5h18v3h-2.2c2 2 3.2 4.4 3.2 7 0 4.2-2.7 7.2-6 8.3V30h-8v-2.2c-3.3-1.1-6-4.1-6-8.3 0-2.6 1.2-5 3.2-7H7z";
