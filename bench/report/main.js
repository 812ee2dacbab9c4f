// Start every part of the page.

byId("about").textContent = `${DATA.images} photograph${DATA.images === 1 ? "" : "s"} of ${DATA.photos}; ${shownCodecs().length} codecs; rates are whole files.`;
startViewer();
startCurves();
startTables();
