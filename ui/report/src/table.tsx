/** The head of a table: columns of text, then of numbers, then a wide one for a drawing. */
import type { ComponentChildren } from "preact";

export function Head({ texts, numbers = [], wide }: { texts: readonly string[]; numbers?: readonly string[]; wide?: ComponentChildren }) {
  return (
    <thead>
      <tr>
        {texts.map((text) => (
          <th scope="col" key={text}>
            {text}
          </th>
        ))}
        {numbers.map((text) => (
          <th scope="col" class="n" key={text}>
            {text}
          </th>
        ))}
        {wide && (
          <th scope="col" class="wide">
            {wide}
          </th>
        )}
      </tr>
    </thead>
  );
}
