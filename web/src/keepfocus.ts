/** Keeps the keyboard focus in a list when the focused entry is removed. */

/**
 * Return an attachment for a container. If the focused element inside is removed, the element that
 * is now at its place among those that `selector` matches gets the focus.
 */
export function keepFocus(selector: string): (container: HTMLElement) => () => void {
  return (container) => {
    let last: Element | null = null;
    let place = 0;
    const all = () => [...container.querySelectorAll<HTMLElement>(selector)];
    const remember = (event: FocusEvent) => {
      const focused = event.target as HTMLElement;
      const near = focused.matches(selector) ? focused : focused.closest("li")?.querySelector(selector);
      last = focused;
      place = all().indexOf(near as HTMLElement);
    };
    // A browser moves the focus to the body if the focused element is removed.
    const observer = new MutationObserver(() => {
      if (!last || last.isConnected) return;
      last = null;
      const entries = all();
      if (document.activeElement === document.body) entries[Math.min(Math.max(place, 0), entries.length - 1)]?.focus();
    });
    container.addEventListener("focusin", remember);
    observer.observe(container, { childList: true, subtree: true });
    return () => {
      container.removeEventListener("focusin", remember);
      observer.disconnect();
    };
  };
}
