/** A message in its tone of colour, with its title and text. */
import type { Message } from "./messages.ts";

export function Notice({ message }: { message: Message }) {
  return (
    <div class={`notice ${message.tone}`}>
      <h2 id="notice-title" tabIndex={-1}>
        {message.title}
      </h2>
      {message.text !== "" && <p>{message.text}</p>}
    </div>
  );
}
