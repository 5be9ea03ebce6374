import { Directive, directive } from "lit/directive.js";
import { type ElementPart, noChange } from "lit/html.js";

/**
 * Sets style properties of an element one by one. The `style` attribute, which lit's own `styleMap`
 * writes first, is forbidden by the content security policy; properties set by script are not.
 */
class Placed extends Directive {
  override update(part: ElementPart, [properties]: [Record<string, string>]) {
    const { style } = part.element as HTMLElement;
    for (const [name, value] of Object.entries(properties)) style.setProperty(name, value);
    return noChange;
  }

  render(_properties: Record<string, string>) {
    return noChange;
  }
}

export const placed = directive(Placed);
