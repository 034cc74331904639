/** What every page has around its subject: the name, and one line at the foot. */
import type { ComponentChildren } from "preact";
import { Logo } from "./logo.tsx";

export function Frame({ children }: { children: ComponentChildren }) {
  return (
    <>
      <header class="masthead">
        <a class="brand" href="/">
          <Logo />
          <span>Urna</span>
        </a>
      </header>
      <main>{children}</main>
      <footer class="colophon">Every recorded vote counts once, and can be proved.</footer>
    </>
  );
}
