/** The logo, in the colours of the page. */
import { LOGO_BALLOT, LOGO_URN, LOGO_VIEW_BOX } from "./logo-shape.ts";

export function Logo() {
  return (
    <svg class="logo" viewBox={LOGO_VIEW_BOX} width="32" height="32" aria-hidden="true">
      <path class="logo-ballot" d={LOGO_BALLOT} />
      <path class="logo-urn" d={LOGO_URN} />
      <path class="logo-slot" d="M12.5 12.5h7" />
    </svg>
  );
}
