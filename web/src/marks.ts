/**
 * The mark of an interest: a shape in addition to its colour and number, so that nobody needs to
 * see colours. Paths lie within -1…1 and have about equal areas.
 */

export const COLOURS = 8;

function polygon(corners: number, radius: number, rotation: number): string {
  const at = Array.from({ length: corners }, (_, corner) => {
    const angle = rotation + (2 * Math.PI * corner) / corners;
    return `${(radius * Math.sin(angle)).toFixed(3)} ${(-radius * Math.cos(angle)).toFixed(3)}`;
  });
  return `M${at.join("L")}Z`;
}

const SHAPES = [
  "M0 -.9A.9 .9 0 1 1 0 .9A.9 .9 0 1 1 0 -.9Z",
  "M-.8 -.8H.8V.8H-.8Z",
  "M0 -1L1.05 .82H-1.05Z",
  polygon(4, 1.12, 0),
  polygon(6, 1, Math.PI / 6),
  "M0 1L1.05 -.82H-1.05Z",
  "M-.4 -1H.4V-.4H1V.4H.4V1H-.4V.4H-1V-.4H-.4Z",
  polygon(5, 1.05, 0),
];

export function shape(interest: number): string {
  return SHAPES[interest % SHAPES.length] ?? "";
}

/** Vertical position of the number in the shape: a triangle's middle is not its centre. */
export function numberY(interest: number): number {
  return [0, 0, 0.22, 0, 0, -0.22, 0, 0.06][interest % SHAPES.length] ?? 0;
}

/** The shapes repeat after eight interests, but with another colour, so that each mark is used once. */
export function colour(interest: number | null): string {
  return interest === null ? "none" : `c${(interest + Math.floor(interest / SHAPES.length)) % COLOURS}`;
}
