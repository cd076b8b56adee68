// Turns ```mermaid blocks into diagrams, and draws them again when the reader switches the theme.
// Everything it needs is in the book: mermaid (version 11.17.2) stands in assets/mermaid.min.js.
(() => {
    "use strict";

    const LEAST_SCALE = 0.75;

    const blocks = document.querySelectorAll("pre > code.language-mermaid");
    if (blocks.length === 0) return;

    // Asked for here: only while a script first runs does the browser say where it came from.
    const library = new URL("../assets/mermaid.min.js", document.currentScript.src).href;
    const theme = () => ["light", "rust", "coal", "navy", "ayu"].find((name) => document.documentElement.classList.contains(name)) ?? "light";

    const diagrams = [...blocks].map((code, index) => {
        const figure = document.createElement("div");
        figure.className = "diagram";
        // The source stays in place until its picture is ready, and for good if it cannot be drawn.
        const listing = code.parentElement;
        listing.before(figure);
        return { id: `diagram-${index}`, source: code.textContent, figure, listing };
    });

    const load = () =>
        new Promise((done, failed) => {
            const script = document.createElement("script");
            script.src = library;
            script.onload = done;
            script.onerror = () => failed(new Error(`cannot load ${library}`));
            document.head.append(script);
        });

    // The book's own colours, so that a diagram fits each of the themes.
    const colours = () => {
        const style = getComputedStyle(document.documentElement);
        const [page, text, box, line] = ["--bg", "--fg", "--quote-bg", "--icons"].map((name) => style.getPropertyValue(name).trim());
        return {
            darkMode: ["coal", "navy", "ayu"].includes(theme()),
            background: page, edgeLabelBackground: page, labelBackgroundColor: page, labelBoxBkgColor: page, transitionLabelColor: text,
            textColor: text, primaryTextColor: text, secondaryTextColor: text, tertiaryTextColor: text, noteTextColor: text,
            actorTextColor: text, signalTextColor: text, labelTextColor: text, stateLabelColor: text, loopTextColor: text, titleColor: text, nodeTextColor: text,
            primaryColor: box, mainBkg: box, actorBkg: box, noteBkgColor: box, stateBkg: box, compositeTitleBackground: box,
            secondaryColor: page, tertiaryColor: page, clusterBkg: page, compositeBackground: page, altBackground: page,
            lineColor: text, signalColor: text, actorLineColor: line, transitionColor: text, specialStateColor: text,
            primaryBorderColor: line, nodeBorder: line, clusterBorder: line, actorBorder: line, noteBorderColor: line, stateBorder: line,
            sequenceNumberColor: page,
        };
    };

    const settings = () => ({
        startOnLoad: false,
        securityLevel: "strict",
        theme: "base",
        themeVariables: colours(),
        fontFamily: "inherit",
        sequence: { mirrorActors: false, diagramMarginX: 12, diagramMarginY: 24, width: 100, actorMargin: 60 },
    });

    const show = ({ figure, listing }, svg) => {
        figure.innerHTML = svg;
        const picture = figure.firstElementChild;
        // On a narrow screen it shrinks to what can still be read; beyond that the figure scrolls.
        picture.style.minWidth = `${LEAST_SCALE * picture.viewBox.baseVal.width}px`;
        listing.hidden = true;
    };

    const drawAll = async () => {
        mermaid.initialize(settings());
        for (const diagram of diagrams) {
            try {
                show(diagram, (await mermaid.render(diagram.id, diagram.source)).svg);
            } catch (error) {
                console.error(`${diagram.id}:`, error);
                diagram.figure.replaceChildren();
                diagram.listing.hidden = false;
            }
        }
    };

    // One drawing at a time, because mermaid's settings are global. A switch during a drawing leads to one more.
    let drawn = null;
    let drawing = false;
    const follow = async () => {
        if (drawing) return;
        drawing = true;
        while (drawn !== theme()) {
            drawn = theme();
            await drawAll();
        }
        drawing = false;
        document.documentElement.dataset.diagrams = drawn;
    };

    load().then(() => {
        follow();
        new MutationObserver(follow).observe(document.documentElement, { attributeFilter: ["class"] });
    }, console.error);
})();
