import DefaultTheme from 'vitepress/theme-without-fonts';
import CompatibilityTable from './CompatibilityTable.vue';
import PackageGraph from './PackageGraph.vue';
import './style.css';

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('CompatibilityTable', CompatibilityTable);
    app.component('PackageGraph', PackageGraph);
  },
};
